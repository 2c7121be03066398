"""What is caught, and by whom: exactly as promised, and no more is claimed.

Anyone with the public key finds a change, a removal or a reordering. A ledger that was
cut off or put back whole, or written anew by someone who has the signing key, is found
by whoever holds a checkpoint or a receipt from behind that place.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from befit.audit import NoteVerifier, given_notes, open_keyring, open_ledger, verify
from befit.audit.standalone import NotProved
from befit.testing.ledger import closing_drafts, opening_drafts
from tests.audit.proofs import Proven, proven
from tests.audit.test_proving import checked

DECISIONS = 6


@pytest.fixture(scope="module")
def true(tmp_path_factory: pytest.TempPathFactory) -> Proven:
    """The true ledger, with what others hold of it: a checkpoint and a receipt a decision."""
    return proven(tmp_path_factory.mktemp("true") / ".befit", decisions=DECISIONS)


def rewritten(true: Proven, folder: Path, kept: int, *, has_key: bool) -> Path:
    """The ledger as someone would leave it who keeps its first decisions and invents others."""
    befit = folder / ".befit"
    if has_key:
        shutil.copytree(true.befit / "keys", befit / "keys")

    async def write() -> None:
        ledger = open_ledger(befit, open_keyring(befit))
        if kept:
            ledger.close()
            _take_over(true, befit, kept)
            ledger = open_ledger(befit, open_keyring(befit))
        for number in range(kept, DECISIONS):
            await ledger.append(opening_drafts(f"dec_{number}", most_usd="9"))
            await ledger.append(closing_drafts(f"dec_{number}"))
        ledger.close()

    asyncio.run(write())
    return befit


def _take_over(true: Proven, befit: Path, kept: int) -> None:
    groups = (true.befit / "ledger/0.log").read_bytes().splitlines(keepends=True)
    taken = groups[: 6 * kept]  # two groups of two events and a closing line a decision
    sealed_end = int(json.loads(taken[-1])["note"].split("sealed ")[1].split(" ")[0])
    (befit / "ledger/0.log").write_bytes(b"".join(taken))
    (befit / "sealed/0.log").write_bytes((true.befit / "sealed/0.log").read_bytes()[:sealed_end])
    for name in ("0.checkpoint", "checkpoint"):
        (befit / "ledger" / name).unlink()


@settings(max_examples=25, deadline=None)
@given(kept=st.integers(0, DECISIONS - 1), held=st.integers(0, DECISIONS - 1))
def test_a_ledger_written_anew_with_the_key_is_found_by_who_holds_something_behind(
    true: Proven, kept: int, held: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        befit = rewritten(true, Path(folder), kept, has_key=True)
        report = verify(befit)
        assert report.ok, report.problems  # nobody else can tell, and nothing else is claimed
        is_behind = held >= kept
        for holding in (true.checkpoints[held], true.receipts[held]):
            assert verify(befit, held=given_notes(holding)).ok != is_behind
        every = given_notes("\n".join(true.checkpoints))
        assert not verify(befit, held=every).ok


@settings(max_examples=10, deadline=None)
@given(held=st.integers(0, DECISIONS - 1))
def test_a_ledger_written_anew_without_the_key_is_found_by_the_public_key(
    true: Proven, held: int
) -> None:
    public = NoteVerifier.from_text(true.keys.newest.text)
    with tempfile.TemporaryDirectory() as folder:
        befit = rewritten(true, Path(folder), 0, has_key=False)
        assert not verify(befit, public_key=public).ok
        assert not verify(befit, held=given_notes(true.checkpoints[held])).ok


@settings(max_examples=25, deadline=None)
@given(stops=st.integers(1, DECISIONS - 1), held=st.integers(0, DECISIONS - 1))
def test_an_older_state_put_back_whole_is_found_by_who_holds_something_newer(
    true: Proven, stops: int, held: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        befit = Path(folder) / ".befit"
        shutil.copytree(true.befit, befit)
        _take_over(true, befit, stops)
        open_ledger(befit, open_keyring(befit)).close()
        report = verify(befit)
        assert report.ok, report.problems
        for holding in (true.checkpoints[held], true.receipts[held]):
            assert verify(befit, held=given_notes(holding)).ok == (held < stops)


def test_a_forged_ledger_proves_its_decisions_to_nobody_who_holds_a_checkpoint(
    true: Proven, tmp_path: Path
) -> None:
    befit = tmp_path / ".befit"
    shutil.copytree(true.befit / "keys", befit / "keys")
    forged = proven(befit, decisions=DECISIONS)
    checked(forged.text("dec_1"), true.keys.newest)
    with pytest.raises(NotProved, match="another one"):
        checked(forged.text("dec_1"), true.keys.newest, true.checkpoints)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_whole_groups_removed_repeated_or_moved_are_found_by_anyone(true: Proven, data) -> None:
    lines = (true.befit / "ledger/0.log").read_bytes().splitlines(keepends=True)
    groups = [b"".join(lines[at : at + 3]) for at in range(0, len(lines), 3)]
    picked = data.draw(
        st.permutations(range(len(groups)))
        | st.lists(st.integers(0, len(groups) - 1), max_size=len(groups) + 2)
    )
    content = b"".join(groups[at] for at in picked)
    if content == b"".join(groups):
        return
    with tempfile.TemporaryDirectory() as folder:
        befit = Path(folder) / ".befit"
        shutil.copytree(true.befit, befit)
        (befit / "ledger/0.log").write_bytes(content)
        assert not verify(befit).ok


@settings(max_examples=20, deadline=None)
@given(
    jumps=st.lists(
        st.integers(-(10**18), 10**18) | st.sampled_from([0, 1, -1, 10**15]), min_size=1, max_size=8
    )
)
def test_whatever_the_clock_does_times_never_go_back(jumps: list[int]) -> None:
    clock = iter(jumps)
    at = 1_800_000_000 * 10**9

    def jumping() -> int:
        nonlocal at
        at = max(0, min(at + next(clock, 0), 250_000_000_000 * 10**9))
        return at

    async def write(befit: Path) -> None:
        for half in range(2):
            ledger = open_ledger(befit, open_keyring(befit))
            for number in range(3):
                await ledger.append(opening_drafts(f"dec_{half}_{number}"))
                await ledger.append(closing_drafts(f"dec_{half}_{number}"))
            ledger.close()

    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        befit = Path(folder) / ".befit"
        open_keyring(befit)
        patch.setattr("befit.audit.group.time.time_ns", jumping)
        asyncio.run(write(befit))
        report = verify(befit)
        assert report.ok, report.problems
        assert report.decisions == 6
