"""What one turn brings into a conversation binds the next, its tags as well as its class."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from befit.conversation import Carried
from befit.errors import Forbidden
from befit.identity import local_administrator
from befit.messages import ChatRequest
from befit.orchestrator import Answer, Arrival
from befit.storage import SqlConversationStore
from befit.vocabulary import DataClass, Tag
from tests.orchestrator.conftest import OpenWorld, World

EXPORT = """
@id("house/export")
@reason("export controlled content stays inside")
forbid (principal, action == Action::"send_raw", resource)
when { context.tags.contains("export_controlled") && resource.zone == "external" };
"""
REDACTING = "policy: {packaged: [baseline, sovereignty, impact, redaction]}\n"
CARD = "4111 1111 1111 1111"


@pytest.fixture
async def house(open_world: OpenWorld, tmp_path: Path) -> AsyncIterator[World]:
    """A company whose export controlled content stays inside; redacted texts may go out."""
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "house.cedar").write_text(EXPORT)
    async with open_world(tmp_path, extra=REDACTING) as world:
        yield world


async def say(
    world: World,
    content: str,
    *tags: Tag,
    model: str = "outside",
    data_class: DataClass = DataClass.PUBLIC,
    conversation: str = "c-1",
) -> Answer:
    body = {
        "model": model,
        "messages": [{"role": "user", "content": content}],
        "befit": {
            "data_class": data_class.word,
            "tags": tags,
            "conversation": conversation,
        },
    }
    request = ChatRequest.from_json(msgspec.json.encode(body))
    arrival = Arrival(caller=local_administrator(), request=request)
    answer = await world.platform.orchestrator.handle(arrival)
    assert isinstance(answer, Answer)
    return answer


async def test_a_turn_without_the_tag_of_an_earlier_one_still_has_it(house: World) -> None:
    await say(house, "the plan of the engine", Tag.EXPORT_CONTROLLED, model="onprem")
    with pytest.raises(Forbidden, match="house/export"):
        await say(house, "and the next sheet")
    assert not house.outside.requests
    await say(house, "something else", conversation="c-2")
    assert len(house.outside.requests) == 1


async def test_a_tag_that_was_found_in_a_turn_is_carried_to_the_next(house: World) -> None:
    await say(house, f"please charge {CARD}", model="onprem")
    answer = await say(house, "thank you", model="onprem")
    events = await house.platform.projector.events_of("default", answer.standing.decision_id)
    told = b"".join(event.fields_json() or b"" for event in events)
    assert answer.standing.data_class is DataClass.RESTRICTED
    assert b'"pci"' in told


async def test_a_first_turn_goes_out_redacted_although_its_conversation_now_has_its_class(
    house: World,
) -> None:
    await say(house, f"please charge {CARD}")
    [sent] = house.outside.requests
    assert CARD not in str(sent.json)


_RESTRICTED = Carried(data_class=DataClass.RESTRICTED, tags=frozenset())
_EXPORT = Carried(data_class=DataClass.PUBLIC, tags=frozenset({Tag.EXPORT_CONTROLLED}))


@pytest.mark.parametrize(
    ("faster", "content"),
    [
        (_RESTRICTED, "and the next sheet"),
        (_EXPORT, "and the next sheet"),
        (_EXPORT, f"please charge {CARD}"),
    ],
)
async def test_what_another_turn_brings_meanwhile_binds_before_policy_is_asked(
    house: World, monkeypatch: pytest.MonkeyPatch, faster: Carried, content: str
) -> None:
    read = SqlConversationStore.carried

    async def overtaken(store: SqlConversationStore, *owner: str) -> Carried | None:
        found = await read(store, *owner)
        await store.join(*owner, faster)  # another process, right after this one has read
        return found

    monkeypatch.setattr(SqlConversationStore, "carried", overtaken)
    with pytest.raises(Forbidden):
        await say(house, content)
    assert not house.outside.requests
