"""Reading it back: verifying every byte, and proving one decision to whoever asks."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from befit.audit import (
    Claim,
    LedgerReader,
    Projector,
    Prover,
    open_keyring,
    open_ledger,
    proof_json,
    standalone,
    verify,
)
from befit.testing.ledger import MemoryDecisionIndex
from benchmarks.ledger.appending import Row

_TIMES = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Proving:
    """What one proof of one decision takes, in a log of so many events."""

    events: int
    make_ms: float
    check_ms: float
    proof_bytes: int
    path_hashes: int


def verify_row(befit: Path) -> Row:
    """Every byte read, hashed, opened and checked."""
    before, began = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    report = verify(befit)
    wall_s, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF)
    if not report.ok:
        raise SystemExit(f"the ledger does not verify: {report.problems[0]}")
    return Row(
        way="verify",
        events=report.events,
        events_per_group=None,
        events_per_s=report.events / wall_s,
        user_us_per_event=(after.ru_utime - before.ru_utime) / report.events * 1e6,
        system_us_per_event=(after.ru_stime - before.ru_stime) / report.events * 1e6,
    )


async def proving(befit: Path, decision: str) -> Proving:
    """Prove the decision to a checkpoint of the whole log, and check the proof."""
    keyring = open_keyring(befit)
    reader = LedgerReader(befit, keyring.sealer)
    index = MemoryDecisionIndex()
    projector = Projector(index=index, reader=reader)
    ledger = open_ledger(befit, keyring)
    note = await ledger.checkpoint()
    ledger.close()
    events = await projector.events_of("default", decision)
    places = {each.index: each for each in await index.events_of("default", decision)}
    located = tuple((event, places[event.index]) for event in events)
    prover, claim = Prover(befit, reader), Claim(decision=located, checkpoint=note)
    proof = prover.prove(claim, keyring.chain)
    text, key = proof_json(proof), standalone.parse_key(keyring.chain.newest.text)
    return Proving(
        events=keyring.chain.open_heads(note)[0].size,
        make_ms=_median_ms(lambda: prover.prove(claim, keyring.chain)),
        check_ms=_median_ms(lambda: standalone.check(text, key, None)),
        proof_bytes=len(text.encode()),
        path_hashes=max(len(event.path) for event in proof.events),
    )


def _median_ms(work: Callable[[], object]) -> float:
    times: list[float] = []
    for _ in range(_TIMES):
        began = time.perf_counter()
        work()
        times.append((time.perf_counter() - began) * 1000)
    return median(times)
