"""Feedback: in the ledger beside its decision, and out of it as evaluation cases."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from befit.audit import verify
from befit.errors import Forbidden, NotFound
from befit.evaluation import read_cases
from befit.identity import local_administrator
from befit.knowledge.access import Acl
from tests.gateway.conftest import House
from tests.gateway.reading_room import Page, reading_room, shelve

EVERYBODY = Acl(groups=frozenset({"everyone"}))
SHELVES = (
    Page(doc_id="leave.md", title="Leave", passages=("Thirty days. ", "March. "), acl=EVERYBODY),
    Page(doc_id="pump.md", title="Pump", passages=("Seals last 4,000 hours. ",), acl=EVERYBODY),
)

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def room(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with reading_room(tmp_path_factory.mktemp("room") / "ws") as house:
        await shelve(house.platform, *SHELVES)
        yield house


async def searched(house: House, query: str = "days of leave", who: str = "user") -> dict[str, Any]:
    async with house.http(who) as http:
        answer = await http.post("/v1/knowledge/search", json={"query": query})
    return answer.json()


async def rate(house: House, decision_id: str, body: dict[str, Any], who: str = "user") -> Any:
    async with house.http(who) as http:
        return await http.post(f"/v1/decisions/{decision_id}/feedback", json=body)


async def cases(house: House, **params: Any) -> dict[str, Any]:
    found = await house.operate("feedback.cases", params)
    return {case["id"]: case for case in found["cases"]}


async def test_who_asked_says_what_it_was_worth(room: House) -> None:
    found = await searched(room)
    answer = await rate(room, found["decision_id"], {"rating": "wrong", "note": "it is 28 days"})
    assert answer.status_code == 200
    assert (answer.json()["rating"], answer.json()["is_case"]) == ("wrong", True)
    record = await room.record(found["decision_id"])
    (review,) = record.reviews
    assert (review.rating, review.note, review.by) == (
        "wrong",
        "it is 28 days",
        record.principal_id,
    )
    assert record.status == "answered"
    assert verify(room.platform.workspace.befit_dir).ok


async def test_a_reviewer_may_say_it_and_others_see_no_decision(room: House) -> None:
    decision_id = (await searched(room))["decision_id"]
    useful = {"rating": "useful"}
    assert (await rate(room, decision_id, useful, who="reviewer")).status_code == 200
    hidden = await rate(room, decision_id, useful, who="other")
    gone = await rate(room, "dec_" + "0" * 31, useful, who="other")
    assert hidden.status_code == gone.status_code == 404
    assert len((await room.record(decision_id)).reviews) == 1


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({}, "rating"),
        ({"rating": "great"}, "it is one of useful, wrong, outdated"),
        ({"rating": "useful", "note": "x" * 2_001}, "at most 2000"),
        ({"rating": "useful", "passages": ["doc_none.0"]}, "doc_none.0"),
        ({"rating": "useful", "by": "somebody"}, "by"),
    ],
)
async def test_wrong_feedback_is_refused_and_leaves_nothing(
    room: House, body: dict[str, Any], told: str
) -> None:
    decision_id = (await searched(room))["decision_id"]
    answer = await rate(room, decision_id, body)
    assert answer.status_code == 400
    assert told in answer.json()["error"]["message"]
    assert (await room.record(decision_id)).reviews == ()


async def test_what_was_said_becomes_cases_with_what_was_asked(room: House) -> None:
    found = await searched(room, "How long do seals last?")
    decision_id = found["decision_id"]
    assert decision_id not in await cases(room)
    await rate(room, decision_id, {"rating": "useful"})
    case = (await cases(room))[decision_id]
    assert case["input"] == "How long do seals last?"
    assert "relevant" not in case["meta"]  # of several passages nobody said which
    assert case["meta"]["passages"] == [each["passage_id"] for each in found["results"]]
    right = found["results"][0]
    await rate(room, decision_id, {"rating": "useful", "passages": [right["passage_id"]]})
    case = (await cases(room))[decision_id]
    assert case["meta"]["relevant"] == {right["doc_id"]: 1}
    await rate(room, decision_id, {"rating": "outdated", "note": "new seals"})
    case = (await cases(room))[decision_id]
    assert (case["meta"]["rating"], case["meta"]["flagged"]) == ("outdated", True)
    assert case["meta"]["note"] == "new seals"
    assert "relevant" not in case["meta"]
    assert len((await room.record(decision_id)).reviews) == 3


async def test_cases_come_in_pages_and_are_read_as_cases(room: House, tmp_path: Any) -> None:
    for number in range(3):
        found = await searched(room, f"seals, please ({number})")
        await rate(room, found["decision_id"], {"rating": "useful"})
    everything = await cases(room)
    paged: list[dict[str, Any]] = []
    after = ""
    while True:
        page = await room.operate("feedback.cases", {"limit": 2, "after": after})
        paged += page["cases"]
        if "next" not in page:
            break
        after = page["next"]
    assert [case["id"] for case in paged] == list(everything)
    file = tmp_path / "cases.jsonl"
    file.write_text("".join(json.dumps(case) + "\n" for case in paged))
    assert [case.input for case in read_cases(file)] == [case["input"] for case in paged]


async def test_cases_hold_no_answers_since_these_say_what_documents_say(room: House) -> None:
    history = [
        {"role": "user", "content": "Which seals?"},
        {"role": "assistant", "content": "Those of the lantern pump."},
    ]
    async with room.http() as http:
        body = {"query": "how long do they last?", "history": history}
        found = (await http.post("/v1/knowledge/search", json=body)).json()
    await rate(room, found["decision_id"], {"rating": "useful"})
    case = (await cases(room))[found["decision_id"]]
    assert [turn["content"] for turn in case["meta"]["history"]] == ["Which seals?"]


async def test_only_who_may_audit_takes_cases_and_that_is_recorded(room: House) -> None:
    with pytest.raises(Forbidden):
        await room.operate_as(local_administrator(acting_as="mara"), "feedback.cases", {})
    with pytest.raises(NotFound):
        await room.operate("feedback.cases", {"workflow": "none"})
    before = await room.operate("events.list", {"action": "decisions_searched"})
    await room.operate("feedback.cases", {"workflow": "triage"})
    after = await room.operate("events.list", {"action": "decisions_searched"})
    assert len(after["events"]) == len(before["events"]) + 1


async def test_a_decision_without_documents_keeps_feedback_and_is_no_case(room: House) -> None:
    async with room.http() as http:
        body = {
            "model": "near",
            "messages": [{"role": "user", "content": "hello"}],
            "befit": {"data_class": "public"},
        }
        chat = await http.post("/v1/chat/completions", json=body)
    decision_id = chat.json()["befit"]["decision_id"]
    answer = await rate(room, decision_id, {"rating": "useful"})
    assert (answer.status_code, answer.json()["is_case"]) == (200, False)
    assert decision_id not in await cases(room)


async def test_a_decision_that_waits_for_a_person_takes_none_yet(room: House) -> None:
    async with room.http() as http:
        body = {"model": "workflow:advice", "messages": [{"role": "user", "content": "well?"}]}
        chat = await http.post("/v1/chat/completions", json=body)
    decision_id = chat.json()["befit"]["decision_id"]
    assert (await rate(room, decision_id, {"rating": "useful"})).status_code == 409
    assert (await room.record(decision_id)).reviews == ()


async def test_questions_go_with_the_person_who_asked(room: House) -> None:
    room.keys["leaver"] = await room.key("leaver")
    decision_id = (await searched(room, who="leaver"))["decision_id"]
    await rate(room, decision_id, {"rating": "useful"}, who="leaver")
    assert decision_id in await cases(room)
    principal = (await room.record(decision_id)).principal_id
    await room.operate("keys.revoke", {"id": str(principal).removeprefix("key:")})
    await room.operate("audit.erase", {"who": str(principal)})
    assert decision_id not in await cases(room)
    assert (await room.record(decision_id)).reviews == ()
    assert verify(room.platform.workspace.befit_dir).ok
