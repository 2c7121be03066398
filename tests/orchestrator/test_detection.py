"""What the text itself says decides where it goes, and in which form."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from befit.errors import BefitError, Forbidden
from befit.identity import local_administrator
from befit.messages import BefitOptions, ChatRequest, EmbeddingRequest
from befit.orchestrator import Arrival, BulkArrival, BulkCase, EmbeddingArrival, Kind
from befit.policy.detection import Examination
from befit.testing import Reply
from befit.vocabulary import DataClass, Purpose
from tests.orchestrator.conftest import CONFIG, OpenWorld, World

CARD = "4111 1111 1111 1111"
TEXT = f"please charge {CARD} again"
REDACTING = "policy: {packaged: [baseline, sovereignty, impact, redaction]}\n"


@pytest.fixture
async def redacting(open_world: OpenWorld, tmp_path: Path) -> AsyncIterator[World]:
    """A company that lets redacted texts out."""
    async with open_world(tmp_path, extra=REDACTING) as world:
        yield world


async def test_a_card_in_a_public_text_keeps_it_inside_and_the_reason_names_the_rule(
    world: World,
) -> None:
    answer = await world.ask(TEXT, workflow="assistant", data_class=DataClass.PUBLIC)
    assert answer.standing.data_class is DataClass.RESTRICTED
    assert answer.standing.model == "onprem"
    assert "(rule " in answer.standing.excluded["outside"]
    assert "found in the text" in answer.standing.excluded["outside"]
    assert not world.outside.requests


async def test_the_record_says_what_was_found_and_never_the_value(world: World) -> None:
    answer = await world.ask(TEXT, workflow="assistant", data_class=DataClass.PUBLIC)
    events = await world.platform.projector.events_of("default", answer.standing.decision_id)
    told = b"".join(event.fields_json() or b"" for event in events)
    assert b'"CREDIT_CARD"' in told
    assert CARD.encode() not in told
    assert b"411111" not in told
    assert b'"situation"' in told


async def test_a_named_outside_model_is_refused_a_card(world: World) -> None:
    with pytest.raises(Forbidden, match="rule "):
        await world.ask(TEXT, model="outside", data_class=DataClass.PUBLIC)
    assert not world.outside.requests


async def test_where_the_company_lets_redacted_texts_out_the_card_stays_and_comes_back(
    redacting: World,
) -> None:
    redacting.outside.script(
        Reply(text="charged [CREDIT_CARD_1]"), Reply(text="charged [CREDIT_CARD_1]")
    )
    answer = await redacting.ask(TEXT, model="outside", data_class=DataClass.PUBLIC)
    (request,) = redacting.outside.requests
    assert b"4111 1111" not in request.body
    assert b"[CREDIT_CARD_1]" in request.body
    assert answer.output == f"charged {CARD}"
    assert answer.standing.data_class is DataClass.RESTRICTED


async def test_a_stream_has_its_values_back_too(redacting: World) -> None:
    redacting.outside.script(
        Reply(text="charged [CREDIT_CARD_1] as you asked"),
        Reply(text="charged [CREDIT_CARD_1] as you asked"),
    )
    answer = await redacting.stream(TEXT, model="outside", data_class=DataClass.PUBLIC)
    text = ""
    async with aclosing(answer.events) as events:
        async for event in events:
            if event.startswith(b"data: {"):
                for choice in msgspec.json.decode(event[6:])["choices"]:
                    text += choice["delta"].get("content") or ""
    assert text == f"charged {CARD} as you asked"
    assert all(b"4111 1111" not in request.body for request in redacting.outside.requests)


async def test_an_embedding_is_made_of_the_redacted_text_where_only_that_may_go(
    open_world: OpenWorld, tmp_path: Path
) -> None:
    config = CONFIG.replace("size: large", "size: large\n    capabilities: [chat, embeddings]")
    async with open_world(tmp_path, config=config, extra=REDACTING) as world:
        request = EmbeddingRequest(
            model="outside", texts=(TEXT,), befit=BefitOptions(data_class=DataClass.PUBLIC)
        )
        arrival = EmbeddingArrival(caller=local_administrator(), request=request)
        await world.platform.orchestrator.embed(arrival)
        (received,) = world.outside.requests
        assert b"4111 1111" not in received.body
        assert b"[CREDIT_CARD_1]" in received.body


async def test_a_failing_examination_takes_the_strictest_class(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(texts: object) -> Examination:
        del texts
        return Examination(spans=(), failed="a detector failed")

    shelf = world.platform.shelf
    monkeypatch.setattr(shelf, "now", replace(shelf.now, examine=fail))
    answer = await world.ask("hello", workflow="assistant", data_class=DataClass.PUBLIC)
    assert answer.standing.data_class is DataClass.RESTRICTED
    assert not world.outside.requests


def _arrival(*texts: str) -> tuple[BulkArrival, list[BulkCase]]:
    cases = [
        BulkCase(id="same", request=ChatRequest.from_text(text, model="bulk")) for text in texts
    ]
    arrival = BulkArrival(
        principal=local_administrator(),
        kind=Kind.EVALUATE,
        workflow="triage",
        content=msgspec.json.encode(texts),
    )
    return arrival, cases


async def test_one_row_with_a_card_keeps_a_whole_bulk_inside(world: World) -> None:
    arrival, cases = _arrival("hello", TEXT)
    card = world.platform.catalog.current.cards["outside"]
    with pytest.raises(Forbidden, match="rule "):
        async with await world.platform.orchestrator.bulk(arrival) as bulk:
            await bulk.permit(card, cases, Purpose.EVALUATION)
    assert not world.outside.requests


async def test_rows_of_a_bulk_are_redacted_each_and_restored(redacting: World) -> None:
    redacting.outside.script(Reply(text="[CREDIT_CARD_1]"), Reply(text="[CREDIT_CARD_1]"))
    arrival, cases = _arrival(TEXT, TEXT.replace("1111 again", "1111 twice"))
    card = redacting.platform.catalog.current.cards["outside"]
    async with await redacting.platform.orchestrator.bulk(arrival) as bulk:
        await bulk.permit(card, cases, Purpose.EVALUATION)
        _, again = _arrival(*(case.request.text for case in cases))  # other objects, same rows
        rows = [await bulk.answer(case, card) for case in again]
    assert [row.output for row in rows] == [CARD, CARD]
    assert all(b"4111 1111" not in request.body for request in redacting.outside.requests)


async def test_a_card_split_over_two_parts_is_found_and_never_goes_out_as_redacted(
    redacting: World,
) -> None:
    parts = [{"type": "text", "text": "4111 1111"}, {"type": "text", "text": "1111 1111"}]
    body = {
        "model": "outside",
        "messages": [{"role": "user", "content": parts}],
        "befit": {"data_class": "public"},
    }
    request = ChatRequest.from_json(msgspec.json.encode(body))
    arrival = Arrival(caller=local_administrator(), request=request)
    with pytest.raises(Forbidden):
        await redacting.platform.orchestrator.handle(arrival)
    assert not redacting.outside.requests


async def test_one_row_that_cannot_be_redacted_keeps_a_redacting_bulk_inside(
    redacting: World,
) -> None:
    parts = [{"type": "text", "text": "4111 1111"}, {"type": "text", "text": "1111 1111"}]
    body = {"model": "bulk", "messages": [{"role": "user", "content": parts}]}
    split = BulkCase(id="1", request=ChatRequest.from_json(msgspec.json.encode(body)))
    arrival, cases = _arrival(TEXT)
    card = redacting.platform.catalog.current.cards["outside"]
    with pytest.raises(Forbidden):
        async with await redacting.platform.orchestrator.bulk(arrival) as bulk:
            await bulk.permit(card, [split, *cases], Purpose.EVALUATION)
    assert not redacting.outside.requests


async def test_the_record_names_the_rules_that_let_each_call(world: World) -> None:
    answer = await world.ask("hello", workflow="assistant", data_class=DataClass.PUBLIC)
    record = await world.record(answer.standing.decision_id)
    assert "baseline/public-anywhere" in record.calls[0].rules
    assert all(candidate.rules for candidate in record.candidates)


async def test_a_rule_about_fallbacks_is_asked_for_fallbacks(
    open_world: OpenWorld, tmp_path: Path
) -> None:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "own.cedar").write_text(
        '@id("no-outside-fallback")\n'
        'forbid (principal, action == Action::"invoke", resource) when {\n'
        '  ["fallback", "escalation"].contains(context.purpose) && resource.zone == "external"\n'
        "};\n"
    )
    async with open_world(tmp_path) as world:
        world.onprem.script(*[Reply(status=500, text="down")] * 3)
        with pytest.raises(BefitError):
            await world.ask("hello", workflow="triage", data_class=DataClass.PUBLIC)
        assert not world.outside.requests


async def test_a_rule_about_embeddings_is_asked_for_embeddings(
    open_world: OpenWorld, tmp_path: Path
) -> None:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "own.cedar").write_text(
        '@id("embed-inside")\n'
        'forbid (principal, action == Action::"invoke", resource) when {\n'
        '  context.purpose == "embedding" && resource.zone == "external"\n'
        "};\n"
    )
    config = CONFIG.replace("size: large", "size: large\n    capabilities: [chat, embeddings]")
    async with open_world(tmp_path, config=config) as world:
        options = BefitOptions(data_class=DataClass.PUBLIC)
        request = EmbeddingRequest(model="outside", texts=("hello",), befit=options)
        with pytest.raises(Forbidden, match="embed-inside"):
            await world.platform.orchestrator.embed(
                EmbeddingArrival(caller=local_administrator(), request=request)
            )
        assert not world.outside.requests


async def test_what_may_be_read_redacted_only_is_not_trained_on(redacting: World) -> None:
    arrival, cases = _arrival(TEXT)
    card = redacting.platform.catalog.current.cards["outside"]
    with pytest.raises(Forbidden, match="training learns from them as they are"):
        async with await redacting.platform.orchestrator.bulk(arrival) as bulk:
            await bulk.permit(card, cases, Purpose.TRAINING)
    assert not redacting.outside.requests
