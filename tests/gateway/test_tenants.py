"""Tenants are walls: two of them behind one gateway, and nothing of one shows in the other.

What another tenant has must look exactly like what does not exist: the same status and the
same words, apart from the id that was asked for.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from befit.catalog import Evaluation, card_version
from befit.gateway.operations import OperationCall, perform
from befit.identity import local_administrator
from befit.testing import Reply
from befit.vocabulary import silent
from tests.gateway.conftest import Build, House

CARD = """
  {name}:
    via: openai
    url: {url}
    model: test-model
    zone: onprem
    family: test
    size: small
    context_window: 8192
    capabilities: [chat]
    tenants: [{tenant}]
    price: {{input_usd_per_million: "1", output_usd_per_million: "2", source: t, as_of: 2026-01-01}}
"""
SETTINGS = """
identity:
  tenants: [north]
budgets:
  workflows: {triage: {usd: "0.002"}}
"""
NORTH_FLOW = "description: Of the north alone.\ndata_class: public\ntenants: [north]\n"

OTHER = "north"


@dataclass
class Walls:
    """The house with two tenants; `ours` and `theirs` are administrators of one each."""

    house: House
    theirs: dict[str, str] = field(default_factory=dict)

    async def operate(
        self, operation: str, tenant: str = OTHER, /, **params: Any
    ) -> dict[str, Any]:
        principal = local_administrator(tenant=tenant)
        call = OperationCall(platform=self.house.platform, principal=principal, progress=silent)
        return await perform(operation, params, call)

    async def ask(
        self, method: str, path: str, body: Any = None, *, key: str | None = None
    ) -> httpx.Response:
        key = key or self.house.keys["admin"]
        headers = {"authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(base_url=self.house.url, headers=headers) as http:
            return await http.request(method, path, json=body)


@pytest.fixture
async def walls(build: Build, tmp_path: Path) -> AsyncIterator[Walls]:
    # Written before the gateway opens, so that the keys of both tenants are made at once.
    flows = tmp_path / "ws" / "workflows"
    flows.mkdir(parents=True)
    (flows / "northern.yaml").write_text(NORTH_FLOW)
    cards = CARD.format(name="north-model", url="http://127.0.0.1:9/v1", tenant=OTHER)
    async with build(more=cards + SETTINGS) as house:
        made = Walls(house)
        for role in ("user", "admin", "reviewer"):
            document = await made.operate("keys.create", name=f"north-{role}", roles=[role])
            made.theirs[role] = document["key"]
            made.theirs[f"{role}-id"] = document["id"]
        yield made


async def _their_things(walls: Walls) -> dict[str, str]:
    """One of everything in the other tenant; the ids by kind."""
    key = walls.theirs["user"]
    walls.house.near.script(Reply(text="red"))
    run = (await walls.ask("POST", "/v1/workflows/triage/runs", {"input": "x"}, key=key)).json()
    waiting = (await walls.ask("POST", "/v1/workflows/advice/runs", {"input": "y"}, key=key)).json()
    assert (run["status"], waiting["status"]) == ("answered", "pending_person"), (run, waiting)
    person = await walls.operate("people.add", name="mara")
    await walls.operate("groups.add", name="desk")
    await walls.operate("groups.add_member", name="desk", member="mara")
    return {
        "decision": run["decision_id"],
        "run": run["run_id"],
        "waiting": waiting["run_id"],
        "approval": waiting["approval_id"],
        "key": walls.theirs["user-id"],
        "person": person["id"],
        "group": "desk",
    }


PROBES = [
    ("GET", "/v1/decisions/{decision}"),
    ("GET", "/v1/decisions/{run}"),
    ("GET", "/v1/runs/{run}"),
    ("GET", "/v1/runs/{waiting}"),
    ("GET", "/v1/approvals/{approval}"),
    ("POST", "/v1/approvals/{approval}/approve"),
    ("POST", "/v1/approvals/{approval}/reject"),
    ("POST", "/v1/approvals/{approval}/edit"),
    ("DELETE", "/v1/keys/{key}"),
    ("GET", "/v1/people/{person}"),
    ("POST", "/v1/people/{person}"),
    ("DELETE", "/v1/people/{person}"),
    ("GET", "/v1/people/mara"),
    ("GET", "/v1/groups/desk"),
    ("DELETE", "/v1/groups/desk"),
    ("POST", "/v1/groups/desk/members"),
    ("DELETE", "/v1/groups/desk/members/{person}"),
    ("GET", "/v1/models/north-model"),
    ("GET", "/v1/models/workflow:northern"),
    ("POST", "/v1/workflows/northern/runs"),
]
BODIES = {
    "edit": {"answer": "z"},
    "members": {"member": "mara"},
    "runs": {"input": "x"},
}


async def test_what_another_tenant_has_is_told_like_what_does_not_exist(walls: Walls) -> None:
    theirs = await _their_things(walls)
    for method, pattern in PROBES:
        path = pattern.format(**theirs)
        body = BODIES.get(path.rpartition("/")[2], {}) if method == "POST" else None
        there = await walls.ask(method, path, body)
        told, absent = _like(path, theirs)
        nowhere = await walls.ask(method, absent, body)
        assert there.status_code == nowhere.status_code == 404, (method, path, there.text)
        assert _plain(there, told) == _plain(nowhere, _like(absent, theirs)[0]), (method, path)


def _like(path: str, theirs: dict[str, str]) -> tuple[str, str]:
    """The id in a path, and the path with an id of the same form that does not exist."""
    ids = [*theirs.values(), "mara", "north-model", "northern"]
    known = [each for each in [*ids, *map(_made_up, ids)] if each in path]
    found = min(known, key=path.index)
    return found, path.replace(found, _made_up(found))


def _made_up(name: str) -> str:
    """A name of the same length and form."""
    head = name[:-3] if len(name) > 6 else name[:-1]
    return head + "".join("7" if sign != "7" else "5" for sign in name[len(head) :])


def _plain(answer: httpx.Response, told: str) -> tuple[dict[str, Any], list[str]]:
    """The body without ids, and the headers that are there."""
    error = answer.json()["error"]
    decision = error.pop("decision_id", None)
    mark = told.rpartition("_")[2]  # a run's id and its decision's differ by what is before it
    text = {name: str(value).replace(mark, "ID") for name, value in error.items()}
    text = {name: value.replace(str(decision), "DEC") for name, value in text.items()}
    return text, sorted(answer.headers)


async def test_lists_hold_ones_own_alone(walls: Walls) -> None:
    theirs = await _their_things(walls)
    for path in (
        "/v1/decisions?limit=500",
        "/v1/approvals?status=all",
        "/v1/keys",
        "/v1/people",
        "/v1/groups",
        "/v1/usage?by=model,workflow,key",
        "/v1/models",
    ):
        answer = await walls.ask("GET", path)
        assert answer.status_code == 200, (path, answer.text)
        for what in (*theirs.values(), "mara", "desk", OTHER):
            assert what not in answer.text, (path, what)
    assert (await walls.ask("GET", "/v1/usage?by=model")).json()["rows"] == []


async def test_each_tenant_sees_its_own_and_what_is_everybodys(walls: Walls) -> None:
    theirs = await _their_things(walls)
    admin = walls.theirs["admin"]
    decisions = (await walls.ask("GET", "/v1/decisions?limit=500", key=admin)).json()
    assert theirs["decision"] in {each["decision_id"] for each in decisions["decisions"]}
    models = (await walls.ask("GET", "/v1/models", key=admin)).json()["data"]
    assert {"near", "north-model", "workflow:northern", "workflow:triage"} <= {
        each["id"] for each in models
    }
    approved = await walls.ask("POST", f"/v1/approvals/{theirs['approval']}/approve", {}, key=admin)
    assert approved.status_code == 200, approved.text


@pytest.mark.parametrize("model", ["north-model", "north-mode", "workflow:northern"])
async def test_no_request_names_or_is_told_of_another_tenants_model_or_workflow(
    walls: Walls, model: str
) -> None:
    body = {"model": model, "messages": [{"role": "user", "content": "x"}]}
    answer = await walls.ask("POST", "/v1/chat/completions", body)
    assert answer.status_code == 404, answer.text
    told = answer.text.replace(model.removeprefix("workflow:"), "")
    assert "north-model" not in told
    assert "northern" not in told


async def test_what_was_excluded_names_no_model_of_another_tenant(walls: Walls) -> None:
    body = {"model": "workflow:assistant", "messages": [{"role": "user", "content": "x"}]}
    ours = await walls.ask("POST", "/v1/chat/completions", body)
    assert ours.status_code == 200, ours.text
    record = (await walls.ask("GET", f"/v1/decisions/{ours.json()['befit']['decision_id']}")).text
    assert "near" in record
    assert "north" not in ours.text + record


async def test_budgets_of_equal_names_are_counted_apart(walls: Walls) -> None:
    body = {"input": "x" * 400}
    path = "/v1/workflows/triage/runs"
    statuses: list[int] = []
    for _ in range(20):
        walls.house.near.script(Reply(text="red"))
        answer = await walls.ask("POST", path, body, key=walls.theirs["user"])
        statuses.append(answer.status_code)
        if answer.status_code != 200:
            break
    assert statuses[-1] == 429, statuses
    walls.house.near.script(Reply(text="red"))
    assert (await walls.ask("POST", path, body)).status_code == 200


async def test_what_one_tenant_has_measured_is_no_evidence_for_another(walls: Walls) -> None:
    platform = walls.house.platform
    catalog = platform.catalog.current
    card, flow = catalog.find_card("near"), catalog.find_workflow("triage")
    await platform.stores.evaluations.add(
        Evaluation(
            tenant=OTHER,
            workflow=flow.name,
            workflow_version=flow.version,
            model=card.name,
            model_version=card_version(card),
            n=100,
            score=0.99,
            lo=0.9,
            hi=1.0,
            p95_ms=1.0,
            cost_usd_per_1000=None,
            cases_sha256="sha256:0",
            metric="label",
            at=1.0,
        )
    )
    await platform.shelf.refresh()
    assert platform.shelf.evidence_of(OTHER).evidence(card, flow) == "evaluation"
    assert platform.shelf.evidence_of("default").evidence(card, flow) != "evaluation"
    theirs = await walls.ask("GET", "/v1/models/near", key=walls.theirs["user"])
    assert theirs.json()["befit"]["evidence"]["triage"] == "evaluation"
    ours = await walls.ask("GET", "/v1/models/near")
    assert ours.json()["befit"]["evidence"]["triage"] != "evaluation"


async def test_names_may_be_the_same_on_both_sides(walls: Walls) -> None:
    theirs = await _their_things(walls)
    ours = await walls.operate("people.add", "default", name="mara")
    await walls.operate("groups.add", "default", name="desk")
    assert ours["id"] != theirs["person"]
    shown = await walls.operate("groups.show", "default", name="desk")
    assert shown["members"] == []
    await walls.operate("people.remove", "default", who="mara")
    assert (await walls.operate("people.show", who="mara"))["groups"] == ["desk"]
    assert (await walls.operate("groups.show", name="desk"))["members"] != []


async def test_a_key_of_another_tenant_is_no_member_and_opens_nothing_here(walls: Walls) -> None:
    await walls.operate("groups.add", "default", name="desk")
    member = f"key:{walls.theirs['user-id']}"
    body = {"member": member}
    answer = await walls.ask("POST", "/v1/groups/desk/members", body)
    assert answer.status_code == 404, answer.text
    by_them = await walls.ask("GET", "/v1/groups/desk", key=walls.theirs["admin"])
    assert by_them.status_code == 404


async def test_metrics_name_no_tenant(walls: Walls) -> None:
    theirs = await _their_things(walls)
    text = (await walls.ask("GET", "/metrics")).text
    for what in (OTHER, *theirs.values()):
        assert what not in text.replace("befit_", "")


async def test_what_an_upstream_quotes_of_one_request_reaches_nobody_else(walls: Walls) -> None:
    secret, body = "Nightingale", {"model": "far", "befit": {"data_class": "public"}}
    told: list[str] = []
    for _ in range(4):
        walls.house.far.script(Reply(status=500, text=f"failed on prompt: {secret}"))
        asked = {**body, "messages": [{"role": "user", "content": secret}]}
        own = await walls.ask("POST", "/v1/chat/completions", asked, key=walls.house.keys["user"])
        told.append(own.text)
    assert secret in told[0]  # who asked is told what was wrong
    assert "is not healthy: model_refused (500)" in told[-1]
    asked = {**body, "messages": [{"role": "user", "content": "hi"}]}
    theirs = await walls.ask("POST", "/v1/chat/completions", asked, key=walls.theirs["user"])
    assert theirs.status_code == 502
    assert "is not healthy: model_refused (500)" in theirs.text
    listed = await walls.operate("models.list")
    (far,) = [model for model in listed["models"] if model["name"] == "far"]
    assert (far["health"], far["last_error"]) == ("ill", "model_refused (500)")
    assert far["last_error_s_ago"] >= 0
    assert secret not in theirs.text + str(listed)


async def test_a_failure_names_no_address_to_who_may_not_administer(walls: Walls) -> None:
    await walls.house.near.stop()
    for _ in range(4):
        asked = {"model": "near", "messages": [{"role": "user", "content": "hi"}]}
        answer = await walls.ask("POST", "/v1/chat/completions", asked, key=walls.theirs["user"])
        assert answer.status_code == 502
        assert "127.0.0.1" not in answer.text
