"""What travels from one question to the next: the conversation, its rights, and its class."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from befit.conversation import MOST_TURNS
from befit.errors import Conflict, Forbidden
from befit.identity import local_administrator
from befit.knowledge import DocumentState
from befit.knowledge.access import Acl
from befit.messages import ChatRequest, EmbeddingRequest
from befit.orchestrator import BulkArrival, BulkCase, EmbeddingArrival, Kind
from befit.policy import ClassOrigin
from befit.testing import Reply
from befit.testing.shelving import shelve
from befit.vocabulary import DataClass, Purpose
from tests.orchestrator.documents.conftest import HANA, HANDBOOK, MARA
from tests.orchestrator.documents.test_writing import right

HOTEL = "How much is paid for a hotel room?"
SALARY = "What is the salary band of a lamp designer?"
TALK = {"collection": "handbook", "conversation": "talk"}


async def test_earlier_questions_help_to_find(works):
    await works.ask("What is paid for when I travel and stay in a hotel room?", **TALK)
    works.onprem.answer_with(right)
    await works.ask("And how much?", workflow="write-it", **TALK)
    prompt = works.onprem.requests[0].body.decode()
    assert "stay in a hotel room?" in prompt
    assert "answered last" in prompt
    assert "120 EUR" in prompt


async def test_a_client_that_sends_its_history_is_taken_at_its_word(works):
    await works.ask("Who sweeps the workshop floor?", **TALK)
    works.onprem.answer_with(right)
    history = (("user", "I stay in a hotel."), ("assistant", "Fine."))
    await works.ask("How much is paid?", workflow="write-it", history=history, **TALK)
    prompt = works.onprem.requests[0].body.decode()
    assert "I stay in a hotel." in prompt
    assert "sweeps" not in prompt


async def test_a_conversation_is_its_principals_own(works):
    await works.ask("What is paid for in a hotel room, Bergamot?", **TALK)
    works.onprem.answer_with(right)
    await works.ask(HOTEL, reader=HANA, workflow="write-it", **TALK)
    assert "Bergamot" not in works.onprem.requests[0].body.decode()


async def test_an_answer_whose_document_may_not_be_read_any_more_is_left_out(works):
    await works.ask(SALARY, reader=HANA, **TALK)
    works.onprem.answer_with(Reply(text="The documents do not say."))
    await works.ask("And the bonus?", reader=HANA, workflow="write-it", **TALK)
    assert "48,000" in works.onprem.requests[0].body.decode()
    await _revoke(works)
    await works.ask("And the bonus?", reader=HANA, workflow="write-it", **TALK)
    after = works.onprem.requests[-1].body.decode()
    assert "48,000" not in after
    assert "salary band of a lamp designer?" in after


async def test_so_is_one_whose_document_is_gone_or_another_by_now(works):
    await works.ask(HOTEL, **TALK)
    changed = replace(HANDBOOK[0], text="A hotel room is paid for up to 90 EUR a night.\n")
    await shelve(works.embedder.shelf(works.platform), "handbook", [changed])
    works.onprem.answer_with(Reply(text="The documents do not say."))
    await works.ask("And for hotel rooms abroad?", workflow="write-it", **TALK)
    prompt = works.onprem.requests[0].body.decode()
    assert "90 EUR" in prompt
    assert "120 EUR" not in prompt


async def test_only_the_last_turns_are_kept(works):
    for number in range(MOST_TURNS + 3):
        await works.ask(f"Question number {number} about hotels?", **TALK)
    turns = await works.platform.stores.turns.latest("default", MARA.id, "talk")
    assert [turn.question[:17] for turn in turns] == [
        f"Question number {number}" for number in range(MOST_TURNS + 2, 2, -1)
    ]


async def test_what_was_found_stays_in_the_conversations_class(works):
    await works.ask(SALARY, reader=HANA, **TALK)
    with pytest.raises(Forbidden):
        await works.ask("Hello", reader=HANA, model="outside", conversation="talk")
    assert works.outside.connections == 0


@pytest.mark.parametrize("workflow", ["assistant", "no-documents"])
async def test_a_copied_answer_keeps_its_class_in_any_workflow(works, workflow):
    answer = await works.ask(SALARY, reader=HANA, collection="handbook")
    copied = f"Please make this shorter:\n> {answer.output}"
    plan = await works.platform.orchestrator.explain(works.arrival(copied, workflow=workflow))
    assert plan.standing.data_class is DataClass.CONFIDENTIAL
    assert ClassOrigin.RELEASED in plan.standing.excluded["outside"]
    harmless = await works.platform.orchestrator.explain(
        works.arrival("Please make this shorter: hello", workflow=workflow)
    )
    assert harmless.standing.data_class is DataClass.PUBLIC


async def test_so_it_does_in_a_resent_history_and_in_embeddings(works):
    answer = await works.ask(SALARY, reader=HANA, collection="handbook")
    history = (("user", SALARY), ("assistant", answer.output))
    with pytest.raises(Forbidden):
        await works.ask("Thanks. And now?", model="outside", history=history)
    request = EmbeddingRequest(model="minilm-l6", texts=("hello", answer.output))
    found = await works.platform.orchestrator.embed(EmbeddingArrival(caller=MARA, request=request))
    assert found.standing.data_class is DataClass.CONFIDENTIAL


@pytest.mark.parametrize("doc_id", ["travel.md", "canteen.md"])
async def test_a_document_that_leaves_while_it_is_written_from_is_not_released(works, doc_id):
    """Cited or not: the model may have written from any passage that it was given."""
    documents = works.platform.stores.knowledge.documents

    def leaving(request):
        with ThreadPoolExecutor(1) as thread:  # done before the model answers
            gone = documents.mark("default", [works.keys[doc_id]], DocumentState.LEAVING)
            thread.submit(asyncio.run, gone).result()
        return right(request)

    works.onprem.answer_with(leaving)
    with pytest.raises(Conflict, match="has changed") as caught:
        await works.ask(HOTEL, workflow="write-it", collection="handbook")
    record = await works.platform.record("default", caught.value.decision_id)
    assert record.status == "refused"
    assert doc_id in {each.doc_id for each in record.passages}


async def test_a_quote_owes_its_words_to_what_it_quotes_alone(works):
    answer = await works.ask(HOTEL, collection="handbook")
    asked = await works.platform.stores.feedback.asked("default", answer.standing.decision_id)
    assert {each.rpartition(".")[0] for each in asked.behind} == {works.keys["travel.md"]}
    assert len((await works.record(answer)).passages) > len(asked.behind)


async def _revoke(works) -> None:
    access = works.platform.stores.knowledge.access
    for each in await access.list("default"):
        if each.acl.groups == frozenset({"hr"}):
            await access.keep("default", each.key, each.origin, Acl(groups=frozenset({"board"})))


async def test_so_it_does_among_the_rows_of_a_bulk(works):
    answer = await works.ask(SALARY, reader=HANA, collection="handbook")
    arrival = BulkArrival(
        principal=local_administrator(), kind=Kind.PREDICT, workflow="assistant", content=b"x"
    )
    cases = [
        BulkCase(id=str(number), request=ChatRequest.from_text(text, model="auto"))
        for number, text in enumerate(("hello", f"Shorter, please: {answer.output}"))
    ]
    outside = works.platform.catalog.current.cards["outside"]
    async with await works.platform.orchestrator.bulk(arrival) as bulk:
        await bulk.permit(outside, cases[:1], Purpose.ANSWER)
    async with await works.platform.orchestrator.bulk(arrival) as bulk:
        with pytest.raises(Forbidden):
            await bulk.permit(outside, cases, Purpose.ANSWER)
