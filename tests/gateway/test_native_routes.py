"""Befit's own endpoints: runs, approvals, decisions, usage, and who may see what."""

from __future__ import annotations

import asyncio
import hashlib
import time
from typing import Any

import msgspec
import pytest

from befit.testing import Reply
from tests.gateway.conftest import House

TRIAGE = "/v1/workflows/triage/runs"
ADVICE = "/v1/workflows/advice/runs"


async def post(house: House, path: str, body: Any = None, who: str = "user") -> Any:
    async with house.http(who) as http:
        return await http.post(path, json=body)


async def get(house: House, path: str, who: str = "user") -> Any:
    async with house.http(who) as http:
        return await http.get(path)


async def pending(house: House) -> dict[str, Any]:
    run = (await post(house, ADVICE, {"input": "should we?"})).json()
    assert run["status"] == "pending_person"
    assert run["output"] is None
    return run


async def test_a_run_answers_and_can_be_come_back_for(house: House) -> None:
    house.near.script(Reply(text="red"))
    answer = await post(house, TRIAGE, {"input": "sort this"})
    run = answer.json()
    assert answer.headers["befit-decision"] == run["decision_id"]
    assert (run["status"], run["output"], run["model"]) == ("answered", "red", "near")
    later = (await get(house, f"/v1/runs/{run['run_id']}")).json()
    assert (later["status"], later["output"]) == ("answered", "red")
    assert (await house.record(run["decision_id"])).kind == "run"


async def test_an_output_is_an_object_where_the_workflow_declares_its_schema(house: House) -> None:
    house.near.script(Reply(text='{"colour": "red"}'))
    run = (await post(house, "/v1/workflows/extract/runs", {"input": {"text": "hi"}})).json()
    assert run["output"] == {"colour": "red"}
    assert (await get(house, f"/v1/runs/{run['run_id']}")).json()["output"] == {"colour": "red"}
    assert '{\\"text\\":\\"hi\\"}' in house.near.requests[-1].body.decode()


@pytest.mark.parametrize(
    ("path", "body", "status", "told"),
    [
        (TRIAGE, {}, 400, "missing required field `input`"),
        (TRIAGE, {"input": 7}, 400, "Expected"),
        (TRIAGE, {"input": ""}, 400, "the input is empty"),
        (TRIAGE, {"input": "x", "data_clas": "public"}, 400, "did you mean 'data_class'"),
        (TRIAGE, {"input": "x", "data_class": "secret"}, 400, "none of public"),
        (TRIAGE, {"input": "x", "workflow": "advice"}, 400, "stands in the path"),
        ("/v1/workflows/extract/runs", {"input": {"txt": 1}}, 400, "'text' is a required property"),
        ("/v1/workflows/triaje/runs", {"input": "x"}, 404, "did you mean 'triage'"),
    ],
)
async def test_a_run_that_cannot_be_is_refused(
    house: House, path: str, body: dict[str, Any], status: int, told: str
) -> None:
    answer = await post(house, path, body)
    assert answer.status_code == status
    assert told in answer.json()["error"]["message"]


async def test_an_approved_answer_reaches_the_run_that_waited(house: House) -> None:
    run = await pending(house)
    waiting = asyncio.create_task(get(house, f"/v1/runs/{run['run_id']}?wait_s=20"))
    listed = (await get(house, "/v1/approvals", "reviewer")).json()["approvals"]
    (approval,) = listed
    assert {
        "id",
        "kind",
        "workflow",
        "status",
        "payload",
        "payload_sha256",
        "requester",
        "due",
    } <= (approval.keys())
    assert (approval["kind"], approval["workflow"], approval["requester"]) == (
        "answer",
        "advice",
        "user",
    )
    assert hashlib.sha256(approval["payload"].encode()).hexdigest() == approval["payload_sha256"]
    assert msgspec.json.decode(approval["payload"])["answer"] == "near says so"
    decided = await post(
        house,
        f"/v1/approvals/{approval['id']}/approve",
        {"payload_sha256": approval["payload_sha256"]},
        "reviewer",
    )
    assert decided.json()["status"] == "approved"
    done = (await waiting).json()
    assert (done["status"], done["output"]) == ("answered", "near says so")
    record = await house.record(run["decision_id"])
    assert (record.status, record.approvals[0].resolution) == ("answered", "approved")


async def test_an_edited_answer_takes_the_place_of_the_proposed_one(house: House) -> None:
    run = await pending(house)
    path = f"/v1/approvals/{run['approval_id']}"
    assert (await post(house, f"{path}/edit", {}, "admin")).status_code == 400
    edited = await post(house, f"{path}/edit", {"answer": "no", "note": "too bold"}, "admin")
    assert edited.json()["status"] == "edited"
    assert (await get(house, f"/v1/runs/{run['run_id']}")).json()["output"] == "no"


async def test_a_rejected_answer_never_reaches_its_run(house: House) -> None:
    run = await pending(house)
    path = f"/v1/approvals/{run['approval_id']}"
    assert (await post(house, f"{path}/reject", who="reviewer")).status_code == 200
    later = (await get(house, f"/v1/runs/{run['run_id']}")).json()
    assert (later["status"], later["output"]) == ("rejected", None)
    again = await post(house, f"{path}/approve", who="reviewer")
    assert (again.status_code, again.json()["error"]["code"]) == (409, "conflict")


async def test_nobody_approves_their_own_or_what_they_have_not_seen(house: House) -> None:
    run = await pending(house)
    path = f"/v1/approvals/{run['approval_id']}"
    assert (await get(house, path)).status_code == 200  # the requester sees it
    own = await post(house, f"{path}/approve")
    assert own.status_code == 403
    stale = await post(house, f"{path}/approve", {"payload_sha256": "0" * 64}, "reviewer")
    assert stale.status_code == 409
    assert (await get(house, path, "reviewer")).json()["status"] == "pending"


async def test_others_learn_nothing_of_a_run_a_decision_or_an_approval(house: House) -> None:
    run = await pending(house)
    for path in (
        f"/v1/runs/{run['run_id']}",
        f"/v1/decisions/{run['decision_id']}",
        f"/v1/approvals/{run['approval_id']}",
    ):
        assert (await get(house, path)).status_code == 200
        assert (await get(house, path, "admin")).status_code == 200
        unseen = await get(house, path, "other")
        unknown = await get(house, path[:-1] + "!", "other")
        assert (unseen.status_code, unknown.status_code) == (404, 404)
        assert unseen.json()["error"]["code"] == "not_found"
    assert (await get(house, "/v1/decisions", "other")).json() == {"decisions": []}
    assert (await get(house, "/v1/approvals", "other")).json() == {"approvals": []}


async def test_a_reviewer_reads_the_decisions_that_a_person_decides_on(house: House) -> None:
    run = await pending(house)
    house.near.script(Reply(text="red"))
    plain = (await post(house, TRIAGE, {"input": "x"})).json()
    seen = await get(house, f"/v1/decisions/{run['decision_id']}", "reviewer")
    unseen = await get(house, f"/v1/decisions/{plain['decision_id']}", "reviewer")
    assert (seen.status_code, unseen.status_code) == (200, 404)


async def test_a_decision_tells_candidates_calls_and_cost(house: House) -> None:
    house.near.script(Reply(text="red"))
    run = (await post(house, TRIAGE, {"input": "x", "data_class": "restricted"})).json()
    decision = (await get(house, f"/v1/decisions/{run['run_id']}")).json()
    assert decision["decision_id"] == run["decision_id"]
    assert decision["data_class"] == "restricted"
    assert decision["excluded"].keys() == {"far", "vectors"}
    (call,) = decision["calls"]
    assert (call["model"], call["outcome"]) == ("near", "ok")
    assert isinstance(decision["cost_usd"], float)


async def test_usage_is_ones_own_key_and_everything_for_administrators(house: House) -> None:
    for who in ("user", "other"):
        house.near.script(Reply(text="red"))
        await post(house, TRIAGE, {"input": "x"}, who)
    own = (await get(house, "/v1/usage?by=workflow,key")).json()["rows"]
    assert [(row["workflow"], row["decisions"], row["calls"]) for row in own] == [("triage", 1, 1)]
    everything = (await get(house, "/v1/usage?by=workflow&since=1h", "admin")).json()["rows"]
    assert [(row["workflow"], row["decisions"]) for row in everything] == [("triage", 2)]
    future = f"/v1/usage?since={time.time() + 3600}"
    assert all(row["calls"] == 0 for row in (await get(house, future, "admin")).json()["rows"])


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("by=modell", "it is one of day, key, model, workflow"),
        ("since=yesterday", "is no time"),
        ("sinse=7d", "did you mean 'since'"),
        ("since=1d&since=2d", "given 2 times"),
        ("reference=nobody", "no model 'nobody'"),
    ],
)
async def test_a_wrong_query_says_what_is_wrong(house: House, query: str, told: str) -> None:
    answer = await get(house, f"/v1/usage?{query}")
    assert answer.status_code in {400, 404}
    assert told in answer.json()["error"]["message"]


async def test_every_route_but_the_probes_needs_a_key(house: House) -> None:
    async with house.http(None) as http:
        for path in ("/v1/models", "/v1/runs/x", "/v1/decisions", "/v1/usage", "/v1/approvals"):
            assert (await http.get(path)).status_code == 401
        for path in (TRIAGE, "/v1/embeddings", "/v1/approvals/x/approve"):
            assert (await http.post(path, json={})).status_code == 401
        for path in ("/healthz", "/readyz", "/metrics"):
            assert (await http.get(path)).status_code == 200


async def test_metrics_name_no_key_model_or_workflow(house: House) -> None:
    house.near.script(Reply(text="red"))
    await post(house, TRIAGE, {"input": "x"})
    async with house.http(None) as http:
        text = (await http.get("/metrics")).text
    assert 'befit_requests_total{route="workflows",status="200"} 1' in text
    assert "triage" not in text
    assert "near" not in text


async def test_who_asked_reads_no_answer_that_waits_or_was_rejected(house: House) -> None:
    run = await pending(house)
    path = f"/v1/approvals/{run['approval_id']}"
    seen = (await get(house, path)).json()
    assert seen["status"] == "pending"
    assert seen["payload"] is None
    shown = (await get(house, path, "admin")).json()
    assert shown["payload"]
    await post(house, f"{path}/reject", {}, "admin")
    assert (await get(house, path)).json()["payload"] is None


async def test_metrics_tell_requests_apart_by_endpoint(house: House) -> None:
    paths = ("/v1/events", "/v1/access", "/v1/inventory", "/v1/detect", "/v1/keys/K", "/v1/keyz")
    for path in paths:
        await get(house, path, "admin")
    told = (await get(house, "/metrics")).text
    for route in ("events", "access", "inventory", "detect", "keys", "other"):
        assert f'befit_requests_total{{route="{route}",' in told
