"""Ledgers with proofs of them, and the verifier as an auditor runs it: alone."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from befit.audit import (
    Claim,
    Event,
    EventPointer,
    FileLedger,
    KeyChain,
    LedgerReader,
    Projector,
    Proof,
    Prover,
    encode_receipt,
    open_keyring,
    open_ledger,
    proof_json,
    standalone,
)
from befit.testing.ledger import MemoryDecisionIndex, closing_drafts, opening_drafts


@dataclass(frozen=True, kw_only=True)
class Proven:
    """A ledger at rest and what was taken from it on the way.

    Attributes:
        checkpoints: one after each decision.
        receipts: in header form, the last of each decision.
    """

    befit: Path
    keys: KeyChain
    checkpoints: tuple[str, ...]
    receipts: tuple[str, ...]
    decisions: dict[str, tuple[tuple[Event, EventPointer], ...]]
    prover: Prover

    def proof(self, decision: str | None, *, shows_caller: bool = True, **named: str) -> Proof:
        claim = Claim(
            decision=self.decisions[decision] if decision else (),
            shows_caller=shows_caller,
            checkpoint=named.get("checkpoint", self.checkpoints[-1]),
            since=named.get("since"),
        )
        return self.prover.prove(claim, self.keys)

    def text(self, decision: str | None, **named: str) -> str:
        return proof_json(self.proof(decision, **named))


def proven(
    befit: Path, *, decisions: int = 7, rotates_at: int | None = None, asked: str = "auto"
) -> Proven:
    """Write a ledger of some decisions and keep what outsiders would hold of it."""
    return asyncio.run(_write(befit, decisions, rotates_at, asked))


async def _write(befit: Path, decisions: int, rotates_at: int | None, asked: str) -> Proven:
    keyring = open_keyring(befit)
    reader = LedgerReader(befit, keyring.sealer)
    index = MemoryDecisionIndex()
    projector = Projector(index=index, reader=reader)
    ledger = open_ledger(befit, keyring, previous=projector.previous_digest)
    projector.follow(ledger)
    checkpoints, receipts = [], []
    for number in range(decisions):
        await ledger.append(opening_drafts(f"dec_{number}", asked=asked))
        closed = await ledger.append(closing_drafts(f"dec_{number}"))
        receipts.append(encode_receipt(closed[-1]))
        checkpoints.append(await ledger.checkpoint())
        if number == rotates_at:
            await ledger.rotate_key(by="local:admin", policy="")
    found = {
        f"dec_{number}": await _located(projector, index, f"dec_{number}")
        for number in range(decisions)
    }
    keys = _closed(ledger)
    return Proven(
        befit=befit,
        keys=keys,
        checkpoints=tuple(checkpoints),
        receipts=tuple(receipts),
        decisions=found,
        prover=Prover(befit, reader),
    )


async def _located(
    projector: Projector, index: MemoryDecisionIndex, decision: str
) -> tuple[tuple[Event, EventPointer], ...]:
    events = await projector.events_of("default", decision)
    places = {each.index: each for each in await index.events_of("default", decision)}
    return tuple((event, places[event.index]) for event in events)


def _closed(ledger: FileLedger) -> KeyChain:
    keys = ledger.keys
    ledger.close()
    return keys


@dataclass(frozen=True)
class Verdict:
    """What the verifier said."""

    code: int
    out: str
    err: str


def run_alone(folder: Path, *arguments: str) -> Verdict:
    """Run a copy of the verifier in a process that can see nothing of Befit."""
    program = folder / "befit_verify.py"
    if not program.exists():
        shutil.copy(standalone.__file__, program)
    # -I leaves out the script's folder and PYTHONPATH; befit itself is installed editable,
    # so its import is made to fail.
    bare = (
        "import sys, runpy; sys.modules['befit'] = None; sys.argv = sys.argv[1:]; "
        "runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", bare, str(program), *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return Verdict(done.returncode, done.stdout, done.stderr)
