"""What the text itself says decides where it goes, and in which form."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import msgspec
import pytest

from befit.errors import Forbidden
from befit.identity import local_administrator
from befit.messages import BefitOptions, ChatRequest, EmbeddingRequest
from befit.orchestrator import BulkArrival, BulkCase, EmbeddingArrival, Kind
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
    assert b"4111" not in told
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
    assert b"4111" not in request.body
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
    assert all(b"4111" not in request.body for request in redacting.outside.requests)


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
        assert b"4111" not in received.body
        assert b"[CREDIT_CARD_1]" in received.body


async def test_a_failing_examination_takes_the_strictest_class(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(texts: object) -> Examination:
        del texts
        return Examination(spans=(), failed="a detector failed")

    monkeypatch.setattr(world.platform.shelf, "examine", fail)
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
        rows = [await bulk.answer(case, card) for case in cases]
    assert [row.output for row in rows] == [CARD, CARD]
    assert all(b"4111" not in request.body for request in redacting.outside.requests)
