"""Answers in the documents' own words, by the rights of who asks."""

from __future__ import annotations

import msgspec
import pytest

from befit.approvals import ApprovalStatus
from befit.cli.decision_report import decision_report
from befit.errors import Forbidden, InvalidRequest, NotFound
from befit.identity import local_administrator
from befit.knowledge import Collection
from befit.knowledge.access import Acl
from befit.knowledge.answers import NOT_IN_DOCUMENTS
from befit.messages import BefitOptions, EmbeddingRequest
from befit.orchestrator import BulkArrival, Choice, EmbeddingArrival, Kind, befit_object
from befit.testing.shelving import Shelved, shelve
from befit.vocabulary import DataClass, Status
from tests.orchestrator.documents.conftest import HANA, MARA, SALARIES, TRAVEL, lamp_works

HOTEL = "How much is paid for a hotel room?"
SALARY = "What is the salary band of a lamp designer?"


async def test_an_answer_is_quoted_with_its_source(works):
    answer = await works.ask(HOTEL, collection="handbook")
    assert answer.status is Status.ANSWERED
    assert "A hotel room is paid for up to 120 EUR a night." in answer.output
    assert answer.standing.workflow == "ask-documents"
    assert answer.standing.model == "minilm-l6"
    grounds = answer.standing.grounds
    assert grounds is not None
    assert grounds.found
    first = grounds.cited[0]
    assert first.citation.doc_id == "travel.md"
    assert TRAVEL[first.citation.start : first.citation.end] == first.citation.text
    assert first.citation.text in answer.output[first.start : first.end]
    assert works.onprem.connections == works.outside.connections == 0


async def test_two_readers_of_different_rights_get_different_answers(works):
    allowed = await works.ask(SALARY, reader=HANA, collection="handbook")
    assert "48,000 to 61,000" in allowed.output
    assert allowed.standing.data_class is DataClass.CONFIDENTIAL
    refused = await works.ask(SALARY, reader=MARA, collection="handbook")
    assert refused.status is Status.ANSWERED
    assert refused.output == NOT_IN_DOCUMENTS
    assert refused.standing.grounds is not None
    assert not refused.standing.grounds.found
    assert refused.standing.grounds.cited == ()
    assert refused.standing.data_class is DataClass.PUBLIC


async def test_what_the_documents_do_not_say_is_said_so(works):
    answer = await works.ask("Who won the world cup in 1998?", collection="handbook")
    assert answer.output == NOT_IN_DOCUMENTS
    assert (await works.record(answer)).found is False


async def test_a_collection_of_which_nothing_may_be_read_answers_like_an_empty_one(works):
    secret = Shelved(doc_id="s", text=SALARIES, acl=Acl(users=frozenset({"hana"})))
    await shelve(works.embedder.shelf(works.platform), "secrets", [secret])
    await works.platform.stores.knowledge.collections.put(
        Collection(tenant="default", name="void", owner="", data_class=DataClass.PUBLIC)
    )
    forbidden = await works.ask(SALARY, collection="secrets")
    empty = await works.ask(SALARY, collection="void")
    assert forbidden.output == empty.output == NOT_IN_DOCUMENTS
    for answer in (forbidden, empty):
        assert answer.standing.model is None
        record = await works.record(answer)
        assert record.passages == ()
        assert [call.purpose for call in record.calls] == ["match"]


async def test_the_decision_tells_the_passages_and_where_the_answer_stands(works):
    answer = await works.ask(SALARY, reader=HANA, collection="handbook")
    record = await works.record(answer)
    assert record.collections == ("handbook",)
    told = {passage.doc_id: passage for passage in record.passages}
    assert told["salaries.md"].data_class == "confidential"
    assert told["salaries.md"].passage_id == f"{works.keys['salaries.md']}.0"
    assert record.found
    assert 0 <= record.probability <= 1
    assert record.index_epoch is not None
    assert record.access_epoch is not None
    cited = answer.standing.grounds.cited[0].citation
    assert (record.citations[0].passage_id, record.citations[0].start) == (
        cited.passage_id,
        cited.start,
    )
    assert "48,000" not in str(record)
    assert "/salaries.md" in decision_report(record)


async def test_the_models_are_called_under_permits_of_the_joined_class(works):
    answer = await works.ask(SALARY, reader=HANA, collection="handbook")
    record = await works.record(answer)
    assert [(call.purpose, call.data_class) for call in record.calls] == [
        ("match", "restricted"),
        ("answer", "confidential"),
    ]
    assert {call.model for call in record.calls} == {"minilm-l6"}


async def test_a_plan_is_made_for_the_joined_class_and_quotes_nothing(works):
    plan = await works.platform.orchestrator.explain(
        works.arrival(SALARY, reader=HANA, workflow="write-it", collection="handbook")
    )
    assert plan.standing.data_class is DataClass.CONFIDENTIAL
    assert plan.route == ("onprem", "minilm-l6")
    assert "confidential data" in plan.standing.excluded["outside"]
    record = await works.platform.record("default", plan.standing.decision_id)
    assert [call.purpose for call in record.calls] == ["match"]
    assert record.passages
    assert record.found is None


async def test_an_answer_of_high_impact_waits_with_its_citations(works):
    answer = await works.ask(HOTEL, workflow="weighty")
    assert answer.status is Status.PENDING_PERSON
    assert "120 EUR" not in answer.completion.text
    approval = await works.platform.approvals.get(answer.approval_id, local_administrator())
    payload = msgspec.json.decode(approval.payload)
    assert "120 EUR" in payload["answer"]
    assert payload["request"] == HOTEL
    assert payload["citations"][0]["doc_id"] == "travel.md"
    body = befit_object(answer.standing, status=answer.status, receipt=answer.receipt)
    assert body["found"] is True
    assert "citations" not in body
    approve = Choice(status=ApprovalStatus.APPROVED)
    await works.platform.resolutions.resolve(answer.approval_id, local_administrator(), approve)
    record = await works.record(answer)
    assert record.status == "answered"
    assert record.found
    assert record.citations


async def test_what_does_not_fit_together_is_refused_by_name(works):
    for befit, model, message in (
        ({"workflow": "handbook-only", "collection": "other"}, "auto", "asks handbook, not other"),
        ({"workflow": "no-documents", "collection": "handbook"}, "auto", "answers from no doc"),
        ({"workflow": "ask-documents"}, "auto", "needs to be told which collection"),
        ({"collection": "handbook"}, "unable", "neither declared nor measured able to write"),
    ):
        with pytest.raises(InvalidRequest, match=message) as caught:
            await works.ask(HOTEL, model=model, **befit)
        record = await works.platform.record("default", caught.value.decision_id)
        assert record.status == "refused"
        assert record.calls == ()


async def test_what_could_not_be_checked_is_not_answered(works):
    for more in (
        {"tools": [{"type": "function", "function": {"name": "f"}}]},
        {"response_format": {"type": "json_object"}},
        {"n": 2},
    ):
        with pytest.raises(InvalidRequest, match="one text with citations"):
            await works.ask(HOTEL, collection="handbook", more=more)


async def test_an_unknown_collection_is_named_with_the_nearest(works):
    with pytest.raises(NotFound, match="handbook"):
        await works.ask(HOTEL, collection="handbok")


async def test_the_embedder_can_be_named_to_quote(works):
    answer = await works.ask(HOTEL, collection="handbook", model="minilm-l6")
    assert answer.standing.grounds.found
    assert answer.standing.workflow is None


async def test_a_workflow_of_fixed_collections_needs_none_named(works):
    answer = await works.ask(HOTEL, workflow="handbook-only")
    assert answer.standing.grounds.found
    named = await works.ask(HOTEL, workflow="handbook-only", collection="handbook")
    assert named.standing.grounds.found


async def test_a_bulk_answers_nothing_from_documents(works):
    arrival = BulkArrival(
        principal=local_administrator(), kind=Kind.PREDICT, workflow="handbook-only", content=b"x"
    )
    with pytest.raises(InvalidRequest, match="a bulk searches none"):
        await works.platform.orchestrator.bulk(arrival)


async def test_embeddings_ask_no_documents(works):
    request = EmbeddingRequest(
        model="minilm-l6", texts=("x",), befit=BefitOptions(collection="handbook")
    )
    with pytest.raises(InvalidRequest, match="embeddings ask no documents"):
        await works.platform.orchestrator.embed(EmbeddingArrival(caller=MARA, request=request))


async def test_policy_can_close_a_collection_to_somebody(tmp_path, embedder):
    rule = """@id("house/no-handbook-for-mara")
forbid (principal, action == Action::"retrieve", resource == Collection::"handbook")
when { principal.names.contains("mara") };
"""
    async with lamp_works(tmp_path, embedder, files={"policies/house.cedar": rule}) as works:
        assert (await works.ask(HOTEL, collection="handbook")).output == NOT_IN_DOCUMENTS
        hana = await works.ask(HOTEL, reader=HANA, collection="handbook")
        assert hana.standing.grounds.found


async def test_policy_can_keep_confidential_passages_from_the_embedder(tmp_path, embedder):
    rule = """@id("house/no-quotes-of-confidential")
forbid (principal, action == Action::"invoke", resource)
when { context.data_class >= 2 && context.purpose == "answer" };
"""
    async with lamp_works(tmp_path, embedder, files={"policies/house.cedar": rule}) as works:
        with pytest.raises(Forbidden):
            await works.ask(SALARY, reader=HANA, collection="handbook")
        assert (await works.ask(HOTEL, collection="handbook")).standing.grounds.found


async def test_passages_that_may_be_read_redacted_only_are_not_quoted(tmp_path, embedder):
    rule = """@id("house/redact")
forbid (principal, action == Action::"send_raw", resource)
when { context.data_class >= 2 && context.purpose == "answer" };
"""
    document = Shelved(
        doc_id="card.md",
        text="The card of the lamp works is 4111 1111 1111 1111 and pays for hotels.\n",
        data_class=DataClass.CONFIDENTIAL,
    )
    more = "policy: {packaged: [baseline, sovereignty, impact, redaction]}\n"
    async with lamp_works(
        tmp_path, embedder, documents=(document,), more=more, files={"policies/h.cedar": rule}
    ) as works:
        with pytest.raises(Forbidden):
            await works.ask("Which card pays for hotels?", collection="handbook")
