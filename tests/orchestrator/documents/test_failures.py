"""What cannot be searched, embedded or recorded is refused; odd questions are answered or named."""

from __future__ import annotations

import shutil
from contextlib import suppress

import pytest

from befit.errors import (
    InvalidRequest,
    LedgerUnavailable,
    ModelFailure,
    Overloaded,
    WorkspaceError,
)
from befit.knowledge.answers import NOT_IN_DOCUMENTS
from befit.knowledge.index import IndexDamaged
from befit.vocabulary import DataClass, Status
from tests.embedder import RunningEmbedder
from tests.orchestrator.documents.conftest import HANA, lamp_works

HOTEL = "How much is paid for a hotel room?"


async def test_a_damaged_index_is_no_empty_one(works):
    folder = works.folder / ".befit" / "knowledge" / "default"
    for path in folder.rglob("vectors"):
        path.write_bytes(b"")
    with pytest.raises(IndexDamaged) as caught:
        await works.ask(HOTEL, collection="handbook")
    record = await works.platform.record("default", caught.value.decision_id)
    assert record.status == "refused"
    assert [call.purpose for call in record.calls] == ["match"]


async def test_without_its_index_a_collection_says_nothing(works):
    shutil.rmtree(works.folder / ".befit" / "knowledge" / "default")
    with suppress(WorkspaceError):
        answer = await works.ask(HOTEL, collection="handbook")
        assert answer.output == NOT_IN_DOCUMENTS


async def test_without_the_embedder_nothing_is_answered(tmp_path, embedder):
    nobody = RunningEmbedder(tmp_path / "nobody.sock", embedder.boot_key)
    async with lamp_works(tmp_path, nobody, documents=()) as works:
        with pytest.raises(ModelFailure) as caught:
            await works.ask(HOTEL, workflow="write-it", collection="handbook")
        record = await works.platform.record("default", caught.value.decision_id)
        assert record.status == "failed"
        assert works.onprem.connections == 0


async def test_an_empty_question_is_refused(works):
    for text in ("", "   \n "):
        with pytest.raises(InvalidRequest, match="question is empty"):
            await works.ask(text, collection="handbook")


QUESTIONS = [
    "wie viel kostet ein Hotelzimmer?",
    "宿泊費はいくらまで支払われますか",
    "كم يدفع مقابل غرفة الفندق؟",
    "'\"; DROP TABLE passages; -- AND OR NOT ((\\",
    "?" * 300,
    "\u200b\U0001f600\ud7ff",
    "hotel room " * 40_000,
]


async def test_any_question_is_answered_or_not_in_the_documents(works):
    for text in QUESTIONS:
        answer = await works.ask(text, collection="handbook", more={"max_tokens": 20})
        assert answer.status is Status.ANSWERED
        assert answer.standing.grounds.found or answer.output == NOT_IN_DOCUMENTS


async def test_a_detector_is_asked_of_the_question_too(works):
    text = f"{HOTEL} My card is 4111 1111 1111 1111."
    answer = await works.ask(text, collection="handbook")
    assert answer.standing.data_class is DataClass.RESTRICTED
    assert answer.standing.grounds.found


async def test_what_cannot_be_recorded_is_not_answered(works, monkeypatch):
    ledger = works.platform.ledger

    async def cannot(drafts):
        raise LedgerUnavailable("the disk is full")

    monkeypatch.setattr(ledger, "append", cannot)
    with pytest.raises(LedgerUnavailable):
        await works.ask(HOTEL, reader=HANA, collection="handbook")
    monkeypatch.undo()


async def test_what_cannot_be_kept_is_not_released(works, monkeypatch):
    async def cannot(*args):
        raise Overloaded("the database is busy")

    for room, name in (("released", "remember"), ("feedback", "keep"), ("turns", "add")):
        with monkeypatch.context() as patched:
            patched.setattr(getattr(works.platform.orchestrator._rooms, room), name, cannot)
            with pytest.raises(Overloaded) as caught:
                await works.ask(HOTEL, reader=HANA, collection="handbook", conversation="talk")
        record = await works.platform.record("default", caught.value.decision_id)
        assert record.status == "refused"
