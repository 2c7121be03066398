"""Tampering of any kind with any byte is detected; what is not is said and shown."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from befit.audit import HeldNote, NoteVerifier, open_keyring, open_ledger, verify
from befit.audit.merkle import EMPTY_ROOT, leaf_hash
from befit.audit.verify_decisions import ClosedDecisions
from befit.testing.ledger import closing_drafts, draft, opening_drafts


def a_ledger(folder: Path, *, decisions: int = 6) -> Path:
    befit = folder / ".befit"

    async def write() -> None:
        ledger = open_ledger(befit, open_keyring(befit))
        for number in range(decisions):
            await ledger.append(opening_drafts(f"dec_{number}"))
            await ledger.append(closing_drafts(f"dec_{number}"))
        ledger.close()

    asyncio.run(write())
    return befit


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return a_ledger(tmp_path_factory.mktemp("whole"))


files = st.sampled_from(
    ["ledger/0.log", "ledger/0.checkpoint", "ledger/checkpoint", "sealed/0.log"]
)


def damaged_copy(whole: Path, name: str, content: bytes) -> Path:
    folder = Path(tempfile.mkdtemp()) / ".befit"
    shutil.copytree(whole, folder)
    (folder / name).write_bytes(content)
    return folder


def is_detected(whole: Path, name: str, content: bytes) -> bool:
    folder = damaged_copy(whole, name, content)
    try:
        return not verify(folder).ok
    finally:
        shutil.rmtree(folder.parent)


def test_a_whole_ledger_verifies_and_nothing_is_written(whole: Path) -> None:
    before = {path: path.read_bytes() for path in whole.rglob("*") if path.is_file()}
    times = {path: path.stat().st_mtime_ns for path in whole.rglob("*")}
    report = verify(whole)
    assert report.ok, report.problems
    assert (report.events, report.decisions, report.erased) == (24, 6, 0)
    assert before == {path: path.read_bytes() for path in whole.rglob("*") if path.is_file()}
    assert times == {path: path.stat().st_mtime_ns for path in whole.rglob("*")}


property_settings = settings(
    max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@property_settings
@given(name=files, position=st.integers(0, 10**6), mask=st.integers(1, 255))
def test_any_changed_byte_is_detected(whole: Path, name: str, position: int, mask: int) -> None:
    content = bytearray((whole / name).read_bytes())
    content[position % len(content)] ^= mask
    assert is_detected(whole, name, bytes(content))


@property_settings
@given(name=files, start=st.integers(0, 10**6), length=st.integers(1, 5000))
def test_any_removed_bytes_are_detected(whole: Path, name: str, start: int, length: int) -> None:
    content = (whole / name).read_bytes()
    at = start % len(content)
    assert is_detected(whole, name, content[:at] + content[at + length :])


@property_settings
@given(name=files, at=st.integers(0, 10**6), extra=st.binary(min_size=1, max_size=40))
def test_any_inserted_bytes_are_detected(whole: Path, name: str, at: int, extra: bytes) -> None:
    content = (whole / name).read_bytes()
    place = at % (len(content) + 1)
    assert is_detected(whole, name, content[:place] + extra + content[place:])


@property_settings
@given(data=st.data())
def test_lines_reordered_removed_or_duplicated_are_detected(
    whole: Path, data: st.DataObject
) -> None:
    lines = (whole / "ledger/0.log").read_bytes().splitlines(keepends=True)
    picked = data.draw(
        st.lists(st.integers(0, len(lines) - 1), max_size=len(lines) + 3)
        | st.permutations(range(len(lines)))
    )
    content = b"".join(lines[index] for index in picked)
    if content != b"".join(lines):
        assert is_detected(whole, "ledger/0.log", content)


@pytest.mark.parametrize("name", ["ledger/0.log", "ledger/0.checkpoint", "ledger/checkpoint"])
def test_every_single_byte_counts(whole: Path, name: str) -> None:
    content = (whole / name).read_bytes()
    step = max(1, len(content) // 150)
    for position in range(0, len(content), step):
        changed = bytearray(content)
        changed[position] ^= 1
        assert is_detected(whole, name, bytes(changed)), position


def test_groups_cut_off_the_end_are_detected_by_the_checkpoint(whole: Path, tmp_path: Path) -> None:
    lines = (whole / "ledger/0.log").read_bytes().splitlines(keepends=True)
    folder = damaged_copy(whole, "ledger/0.log", b"".join(lines[:-3]))
    assert any("does not reach event 24" in problem for problem in verify(folder).problems)


def test_a_rollback_with_its_checkpoints_is_detected_by_a_held_checkpoint_only(
    tmp_path: Path,
) -> None:
    # Old files put back whole are a whole old ledger. That is what a copy of the
    # checkpoint in the database, or any receipt in a customer's hands, is for.
    befit = a_ledger(tmp_path, decisions=2)
    old = shutil.copytree(befit, tmp_path / "old")

    async def go_on() -> str | None:
        ledger = open_ledger(befit, open_keyring(befit))
        await ledger.append(opening_drafts("dec_later"))
        await ledger.append(closing_drafts("dec_later"))
        return ledger.close()

    held = asyncio.run(go_on())
    assert held == (befit / "ledger/checkpoint").read_text()
    copy = (HeldNote(note=held or "", source="the checkpoint held elsewhere"),)
    assert verify(befit, held=copy).ok
    assert verify(old).ok
    assert any("held elsewhere" in problem for problem in verify(old, held=copy).problems)


def test_a_ledger_rewritten_under_another_key_is_detected(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    key = open_keyring(a_ledger(first)).signer.verifier.text
    forged = a_ledger(second)
    assert verify(forged).ok
    report = verify(forged, public_key=NoteVerifier.from_text(key))
    assert not report.ok
    assert any("no signature" in problem for problem in report.problems)


@pytest.mark.parametrize("name", ["ledger/notes.txt", "ledger/1.checkpoint", "sealed/1.log"])
def test_a_file_that_does_not_belong_there_is_named(whole: Path, name: str) -> None:
    folder = damaged_copy(whole, name, b"")
    assert any(name.partition("/")[2] in problem for problem in verify(folder).problems)


@pytest.mark.parametrize("name", ["ledger/0.log", "ledger/0.checkpoint", "ledger/checkpoint"])
def test_a_missing_file_is_named(whole: Path, name: str) -> None:
    folder = damaged_copy(whole, "ledger/checkpoint", (whole / "ledger/checkpoint").read_bytes())
    (folder / name).unlink()
    assert not verify(folder).ok


def test_a_tenant_key_that_is_missing_is_a_problem_and_leaves_still_verify(whole: Path) -> None:
    folder = damaged_copy(whole, "ledger/checkpoint", (whole / "ledger/checkpoint").read_bytes())
    (folder / "keys/tenant-default.key").unlink()
    report = verify(folder)
    assert len(report.problems) == 1
    assert "cannot be read: the key" in report.problems[0]
    assert (report.events, report.erased, report.root) == (24, 0, verify(whole).root)
    sealed = bytearray((folder / "sealed/0.log").read_bytes())
    sealed[1000] ^= 1
    (folder / "sealed/0.log").write_bytes(bytes(sealed))
    assert len(verify(folder).problems) > 1


def test_a_decision_left_open_is_unfinished_at_rest_and_under_way_while_live(
    tmp_path: Path,
) -> None:
    befit = tmp_path / ".befit"

    async def write() -> None:
        ledger = open_ledger(befit, open_keyring(befit))
        await ledger.append(opening_drafts("dec_open"))
        ledger.close()

    asyncio.run(write())
    report = verify(befit)
    assert report.ok, report.problems
    assert report.unfinished == 1
    assert verify(befit, live={}).unfinished == 0


async def test_a_verifier_beside_a_live_server_reads_what_is_durable(opened, answer, befit) -> None:
    ledger = opened()
    await answer(ledger, "dec_1")
    durable = ledger.durable_sizes()
    await answer(ledger, "dec_2")
    with (befit / "ledger/0.log").open("ab") as file:
        file.write(b'{"v":1,"type":"opened"')  # as a group half written would stand there
    report = verify(befit, live=durable)
    assert report.ok, report.problems
    assert report.events == 4
    assert not verify(befit).ok
    with (befit / "ledger/0.log").open("rb+") as file:
        file.truncate(ledger.durable_sizes()["0"].leaf_offset)


def test_a_decision_that_goes_on_in_another_log_is_one_chain(tmp_path: Path) -> None:
    befit = tmp_path / ".befit"
    heads: dict[str, str] = {}

    async def previous(_tenant: str, decision_id: str) -> str | None:
        return heads[decision_id]

    async def write(log: str, *groups) -> None:
        ledger = open_ledger(befit, open_keyring(befit), log=log, previous=previous)
        for drafts in groups:
            receipts = await ledger.append(drafts)
            heads[drafts[-1].decision_id] = leaf_hash(receipts[-1].leaf.encode()).hex()
        ledger.close()

    waiting = (draft("waiting", "dec_1", {"approval_id": "a"}),)
    resolved = (draft("resolved", "dec_1", {"approval_id": "a"}), draft("closed", "dec_1"))
    opened = (draft("opened", "dec_1"),)
    asyncio.run(write("1", opened, waiting))
    asyncio.run(write("0", resolved))
    asyncio.run(write("1", opening_drafts("dec_2"), closing_drafts("dec_2")))
    report = verify(befit)
    assert report.ok, report.problems
    assert (report.events, report.decisions) == (8, 2)
    (befit / "ledger/0.log").unlink()
    assert any("log 0 is missing" in problem for problem in verify(befit).problems)


def test_an_empty_ledger_verifies(befit: Path) -> None:
    open_ledger(befit, open_keyring(befit)).close()
    report = verify(befit)
    assert report.ok, report.problems
    assert report.root == EMPTY_ROOT.hex()


def test_closed_decisions_are_remembered_past_memory(monkeypatch) -> None:
    monkeypatch.setattr("befit.audit.verify_decisions._MOST_BUFFERED", 10)
    closed = ClosedDecisions()
    for number in range(95):
        closed.put(("default", f"dec_{number}"), f"{number:064x}")
    closed.put(("default", "dec_3"), "f" * 64)
    assert closed.get(("default", "dec_3")) == "f" * 64
    assert closed.get(("default", "dec_94")) == f"{94:064x}"
    assert closed.get(("default", "dec_5")) == f"{5:064x}"
    assert closed.get(("other", "dec_5")) is None
    closed.close()
