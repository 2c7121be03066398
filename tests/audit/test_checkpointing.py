"""Checkpoints come at their interval, reach every place, and a place that refuses is told."""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path

import pytest

from befit.audit import Checkpointer, CheckpointPlan, append_note, given_notes, verify
from befit.audit.heads import split_notes
from befit.audit.held import held_notes
from befit.errors import InvalidRequest, WorkspaceError


class MemoryCheckpoints:
    """A `CheckpointStore` that may be told to fail."""

    def __init__(self) -> None:
        self.note: str | None = None
        self.fails = False

    async def keep(self, note: str) -> None:
        if self.fails:
            raise WorkspaceError("the database is full")
        self.note = note

    async def held(self) -> str | None:
        return self.note


def plan(every_s: float = 0.0, file: Path | None = None):
    return lambda: CheckpointPlan(every_s=every_s, file=file)


async def test_a_checkpoint_on_demand_reaches_every_place(opened, answer, befit, tmp_path) -> None:
    ledger, store, file = opened(), MemoryCheckpoints(), tmp_path / "held.txt"
    checkpointer = Checkpointer(ledger, store, plan(file=file))
    await answer(ledger, "dec_1")
    first = await checkpointer.take()
    await answer(ledger, "dec_2")
    second = await checkpointer.take()
    assert store.note == second == (befit / "ledger/checkpoint").read_text()
    assert split_notes(file.read_text()) == (first, second)
    assert file.stat().st_mode & 0o777 == 0o600
    assert [head.size for head in ledger.keys.open_heads(second)] == [8]
    assert checkpointer.problem is None
    ledger.close()
    report = verify(befit, held=given_notes(file.read_text()))
    assert report.ok, report.problems


async def test_checkpoints_come_at_their_interval_where_something_was_appended(
    opened, answer, monkeypatch, tmp_path
) -> None:
    monkeypatch.setattr("befit.audit.checkpointing._LOOK_EVERY_S", 0.005)
    ledger, file = opened(), tmp_path / "held.txt"
    running = asyncio.create_task(Checkpointer(ledger, MemoryCheckpoints(), plan(0.01, file)).run())
    async with asyncio.timeout(20):
        for count in (1, 2):
            await answer(ledger, f"dec_{count}")
            while not file.exists() or len(split_notes(file.read_text())) < count:
                await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)  # an answer is several groups, and one may come between them
    at_rest = file.read_text()
    await asyncio.sleep(0.1)
    assert file.read_text() == at_rest
    running.cancel()


async def test_a_place_that_refuses_is_told_and_tried_again(
    opened, answer, tmp_path, caplog
) -> None:
    ledger, store, file = opened(), MemoryCheckpoints(), tmp_path / "not-there" / "held.txt"
    store.fails = True
    checkpointer = Checkpointer(ledger, store, plan(file=file))
    with caplog.at_level(logging.ERROR):
        await checkpointer.take()
    assert "held.txt cannot take the checkpoint: No such file" in str(checkpointer.problem)
    assert "the database is full" in caplog.text
    assert len(await answer(ledger, "dec_1")) == 4
    file.parent.mkdir()
    store.fails = False
    await checkpointer.take()
    assert checkpointer.problem is None
    assert len(split_notes(file.read_text())) == 1


async def test_a_checkpoint_that_cannot_be_written_does_not_stop_the_ledger(
    opened, answer, monkeypatch
) -> None:
    monkeypatch.setattr("befit.audit.writer._CHECKPOINT_EVERY_EVENTS", 4)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    ledger = opened()
    with monkeypatch.context() as patch:
        patch.setattr("befit.audit.checkpoint.replace_file", full)
        for number in range(3):
            assert len(await answer(ledger, f"dec_{number}")) == 4
        assert ledger.is_available
    assert len(await answer(ledger, "dec_3")) == 4


@pytest.fixture
async def notes(opened, answer) -> list[str]:
    ledger = opened()
    taken = []
    for number in range(3):
        await answer(ledger, f"dec_{number}")
        taken.append(await ledger.checkpoint())
    return taken


def test_an_append_that_a_crash_tore_is_cut_off_by_the_next(notes, tmp_path) -> None:
    first, second, third = notes
    for torn in range(1, len(second) + 1):
        file = tmp_path / f"{torn}.txt"
        append_note(file, first)
        with file.open("a") as held:
            held.write(second[:torn])
        assert split_notes(file.read_text())[0] == first
        append_note(file, third)
        assert split_notes(file.read_text()) in {(first, third), (first, second, third)}


@pytest.mark.parametrize(
    "content",
    [
        b"# Read me\n\nThis is mine.\n",
        b"models: {}\n",
        b"one word",
        b'{"format": "befit/proof/1"}\n',
        b"\x00\x01\x02",
        b"42",
        b"line\n" * 50_000,
        b"line " * 50_000,
    ],
)
def test_a_file_of_something_else_is_refused_and_stays_as_it_was(notes, tmp_path, content) -> None:
    file = tmp_path / "mine"
    file.write_bytes(content)
    with pytest.raises(OSError, match="something else than checkpoints"):
        append_note(file, notes[0])
    assert file.read_bytes() == content


def test_a_list_that_somebody_wrote_into_is_refused_and_stays_as_it_was(notes, tmp_path) -> None:
    file = tmp_path / "held.txt"
    append_note(file, notes[0])
    with file.open("a") as held:
        held.write("my own remark")
    before = file.read_bytes()
    with pytest.raises(OSError, match="something else than checkpoints"):
        append_note(file, notes[1])
    assert file.read_bytes() == before


def test_a_long_list_goes_on(notes, tmp_path) -> None:
    file = tmp_path / "held.txt"
    file.write_text(f"{notes[0]}\n" * 500)
    append_note(file, notes[1])
    assert split_notes(file.read_text())[-2:] == (notes[0], notes[1])


def test_the_same_checkpoint_is_not_listed_twice_in_a_row(notes, tmp_path) -> None:
    file = tmp_path / "held.txt"
    for note in (notes[0], notes[0], notes[1], notes[1]):
        append_note(file, note)
    assert split_notes(file.read_text()) == (notes[0], notes[1])


@pytest.mark.parametrize("text", ["", "\n", "nothing", "a\n\nb\n\n"])
def test_what_lists_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="no signed checkpoint"):
        held_notes(None, text)


def test_a_file_that_cannot_be_appended_to_is_left_as_it_was(notes, tmp_path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root writes everywhere")
    file = tmp_path / "held.txt"
    append_note(file, notes[0])
    before = file.read_bytes()
    file.chmod(0o400)
    with pytest.raises(OSError, match="denied"):
        append_note(file, notes[1])
    assert file.read_bytes() == before
