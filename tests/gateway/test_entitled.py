"""Least privilege: for every operation and every endpoint, which roles may.

What is not in the table fails the test, so nothing is added without saying who may.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from befit.errors import BefitError, Forbidden, NotFound
from befit.gateway.limits import Limits
from befit.gateway.operations import OPERATIONS
from befit.gateway.operations.entitled import require
from befit.gateway.routes.native import native_endpoints
from befit.identity import Principal, Role
from befit.knowledge import Collection
from befit.policy import Action, Policy, PolicyChoice, Resource, ResourceKind, read_policies
from befit.vocabulary import DataClass
from tests.embedder import CARD, RunningEmbedder
from tests.gateway.conftest import Build, House

USER, BUILDER, REVIEWER, AUDITOR, ADMIN = Role
EVERYONE = frozenset(Role)
ASKERS = frozenset({USER, BUILDER, ADMIN})
BUILDERS = frozenset({BUILDER, ADMIN})
REVIEWERS = frozenset({REVIEWER, ADMIN})
AUDITORS = frozenset({AUDITOR, ADMIN})
ADMINS = frozenset({ADMIN})
OTHERS = "kept-by-another"
"""A collection that none of the roles owns."""

_HIDDEN = frozenset(
    {
        "runs.show",
        "approvals.show",
        "approvals.approve",
        "approvals.reject",
        "approvals.edit",
        "decisions.show",
        "audit.prove",
        "feedback.give",
    }
)
"""To whom these do not belong, nothing is there."""

WHO_MAY: dict[str, tuple[frozenset[Role], dict[str, Any]]] = {
    "ask": (ASKERS, {"text": "x", "workflow": "triage"}),
    "route": (ASKERS, {"text": "x", "workflow": "triage"}),
    "run": (ASKERS, {"workflow": "triage", "input": "x"}),
    "runs.show": (AUDITORS, {"run_id": "{run_id}"}),
    "approvals.list": (EVERYONE, {}),
    "approvals.show": (REVIEWERS, {"id": "{approval_id}"}),
    "approvals.edit": (REVIEWERS, {"id": "{approval_id}", "answer": "no"}),
    "approvals.approve": (REVIEWERS, {"id": "{approval_id}"}),
    "approvals.reject": (REVIEWERS, {"id": "{approval_id}"}),
    "keys.create": (ADMINS, {"name": "another"}),
    "keys.list": (ADMINS, {}),
    "keys.revoke": (ADMINS, {"id": "nothing"}),
    "people.add": (ADMINS, {"name": "ann"}),
    "people.list": (ADMINS, {}),
    "people.show": (ADMINS, {"who": "ann"}),
    "people.set": (ADMINS, {"who": "ann"}),
    "people.remove": (ADMINS, {"who": "ann"}),
    "groups.add": (ADMINS, {"name": "ward"}),
    "groups.list": (ADMINS, {}),
    "groups.show": (ADMINS, {"name": "ward"}),
    "groups.add_member": (ADMINS, {"name": "ward", "member": "ann"}),
    "groups.remove_member": (ADMINS, {"name": "ward", "member": "ann"}),
    "groups.remove": (ADMINS, {"name": "ward"}),
    "usage": (EVERYONE, {}),
    "decisions.show": (AUDITORS | REVIEWERS, {"id": "{decision_id}"}),
    "decisions.list": (EVERYONE, {}),
    "events.show": (AUDITORS, {"id": "admin_nothing"}),
    "events.list": (AUDITORS, {}),
    "models.list": (EVERYONE, {}),
    "models.propose": (ADMINS, {"name": "new", "via": "vllm", "model": "m"}),
    "models.add": (ADMINS, {"name": "near", "via": "vllm", "model": "m"}),
    "models.promote": (ADMINS, {"name": "near"}),
    "models.retire": (ADMINS, {"name": "vectors"}),
    "models.rollback": (ADMINS, {"name": "near"}),
    "access": (EVERYONE, {}),
    "inventory": (AUDITORS, {}),
    "workflows.list": (EVERYONE, {}),
    "workflows.show": (EVERYONE, {"name": "triage"}),
    "workflows.activate": (ADMINS, {"name": "triage"}),
    "workflows.retire": (ADMINS, {"name": "extract"}),
    "audit.verify": (AUDITORS, {}),
    "audit.checkpoint": (AUDITORS, {}),
    "audit.rotate_key": (ADMINS, {}),
    "audit.prove": (AUDITORS, {"id": "{decision_id}"}),
    "audit.erase": (ADMINS, {"who": "nobody"}),
    "audit.retain": (ADMINS, {"dry_run": True}),
    "audit.export": (AUDITORS, {"out": "{folder}/out"}),
    "train": (BUILDERS, {"name": "triage", "cases": "/nowhere"}),
    "predict": (BUILDERS, {"workflow": "triage", "cases": "/nowhere"}),
    "evaluate": (BUILDERS, {"workflow": "triage", "cases": "/nowhere"}),
    "detect": (EVERYONE, {"content": '{"id": "1", "text": "x"}'}),
    "policy.show": (EVERYONE, {}),
    "policy.simulate": (AUDITORS, {"since": "1d"}),
    "reload": (ADMINS, {}),
    "ingest": (BUILDERS, {"source": "/nowhere", "collection": "their-own"}),
    "knowledge.search": (ASKERS, {"query": "x", "collections": [OTHERS]}),
    "knowledge.search_file": (ADMINS, {"queries": "/nowhere"}),
    "knowledge.why": (AUDITORS, {"doc_id": "nothing", "reader": "another"}),
    "knowledge.list": (EVERYONE, {}),
    "knowledge.show": (ADMINS, {"doc_id": "nothing", "collection": OTHERS}),
    "knowledge.remove": (ADMINS, {"doc_id": "nothing", "collection": OTHERS}),
    "knowledge.verify": (ADMINS, {}),
    "knowledge.rebuild": (ADMINS, {}),
    "feedback.give": (REVIEWERS, {"id": "{decision_id}", "rating": "useful"}),
    "feedback.cases": (AUDITORS, {}),
}

ENDPOINTS = {
    "POST /v1/workflows/{workflow}/runs": "run",
    "POST /v1/detect": "detect",
    "POST /v1/knowledge/search": "knowledge.search",
    "GET /v1/knowledge/collections": "knowledge.list",
    "GET /v1/knowledge/why": "knowledge.why",
    "GET /v1/runs/{run_id}": "runs.show",
    "GET /v1/decisions": "decisions.list",
    "GET /v1/decisions/{id}": "decisions.show",
    "POST /v1/decisions/{id}/feedback": "feedback.give",
    "GET /v1/events": "events.list",
    "GET /v1/events/{id}": "events.show",
    "GET /v1/usage": "usage",
    "GET /v1/approvals": "approvals.list",
    "GET /v1/approvals/{id}": "approvals.show",
    "POST /v1/approvals/{id}/approve": "approvals.approve",
    "POST /v1/approvals/{id}/reject": "approvals.reject",
    "POST /v1/approvals/{id}/edit": "approvals.edit",
    "GET /v1/access": "access",
    "GET /v1/inventory": "inventory",
    "GET /v1/keys": "keys.list",
    "POST /v1/keys": "keys.create",
    "DELETE /v1/keys/{id}": "keys.revoke",
    "GET /v1/people": "people.list",
    "POST /v1/people": "people.add",
    "GET /v1/people/{who}": "people.show",
    "POST /v1/people/{who}": "people.set",
    "DELETE /v1/people/{who}": "people.remove",
    "GET /v1/groups": "groups.list",
    "POST /v1/groups": "groups.add",
    "GET /v1/groups/{name}": "groups.show",
    "DELETE /v1/groups/{name}": "groups.remove",
    "POST /v1/groups/{name}/members": "groups.add_member",
    "DELETE /v1/groups/{name}/members/{member:path}": "groups.remove_member",
}


@pytest.fixture
async def house(build: Build, embedder: RunningEmbedder) -> AsyncIterator[House]:
    """With the real embedder: without one every search is refused, whoever asks."""
    async with build(embedder=embedder, more=CARD) as built:
        yield built


def test_every_operation_and_every_endpoint_says_who_may(house: House) -> None:
    assert set(WHO_MAY) == set(OPERATIONS)
    limits = Limits(max_body_bytes=1)
    there = {f"{each.method} {each.path}" for each in native_endpoints(house.platform, limits)}
    assert set(ENDPOINTS) == there
    assert set(ENDPOINTS.values()) <= set(WHO_MAY)


async def test_each_operation_is_for_the_roles_of_the_table(house: House, tmp_path: Path) -> None:
    places = await _places(house, tmp_path)
    found: dict[str, frozenset[Role]] = {}
    for name, (_, params) in WHO_MAY.items():
        given = {key: _filled(value, places) for key, value in params.items()}
        may = [role for role in Role if await _may(house, role, name, given)]
        found[name] = frozenset(may)
    assert found == {name: roles for name, (roles, _) in WHO_MAY.items()}


async def test_each_endpoint_is_for_the_roles_of_its_operation(
    house: House, tmp_path: Path
) -> None:
    places = await _places(house, tmp_path)
    keys = {role: await house.key(f"as-{role}", roles=[role]) for role in Role}
    found: dict[str, frozenset[Role]] = {}
    for endpoint, name in ENDPOINTS.items():
        method, _, path = endpoint.partition(" ")
        given = {key: _filled(value, places) for key, value in WHO_MAY[name][1].items()}
        if name == "detect":
            given = {"text": "x"}
        for key in list(given):
            mark = next((m for m in (f"{{{key}}}", f"{{{key}:path}}") if m in path), None)
            if mark is not None:
                path = path.replace(mark, str(given.pop(key)))
        may: set[Role] = set()
        for role, key in keys.items():
            async with house.http(None) as client:
                answer = await client.request(
                    method,
                    path,
                    headers={"authorization": f"Bearer {key}"},
                    json=given if method == "POST" else None,
                    params=None if method == "POST" else given,
                )
            hidden = name in _HIDDEN and answer.status_code == 404
            assert answer.status_code < 500, (endpoint, role, answer.text)
            if answer.status_code != 403 and not hidden:
                may.add(role)
        found[endpoint] = frozenset(may)
    assert found == {endpoint: WHO_MAY[name][0] for endpoint, name in ENDPOINTS.items()}


async def test_each_endpoint_of_openais_protocol_is_for_its_roles(house: House) -> None:
    chat = {"model": "near", "messages": [{"role": "user", "content": "x"}]}
    asked = {
        "/v1/chat/completions": (ASKERS, chat),
        "/v1/embeddings": (ASKERS, {"model": "vectors", "input": "x"}),
        "/v1/models": (EVERYONE, None),
        "/v1/models/near": (EVERYONE, None),
    }
    found: dict[str, frozenset[Role]] = {}
    for path, (_, body) in asked.items():
        may: set[Role] = set()
        for role in Role:
            async with house.http(None) as client:
                key = house.keys.get(f"of-{role}") or await house.key(f"of-{role}", roles=[role])
                house.keys[f"of-{role}"] = key
                answer = await client.request(
                    "POST" if body else "GET",
                    path,
                    headers={"authorization": f"Bearer {key}"},
                    json=body,
                )
            assert answer.status_code in (200, 403), (path, role, answer.text)
            if answer.status_code == 200:
                may.add(role)
        found[path] = frozenset(may)
    assert found == {path: roles for path, (roles, _) in asked.items()}


async def test_a_collection_is_for_its_owner_and_for_administrators(house: House) -> None:
    await _places(house, Path("/nowhere"))
    asked = {
        "ingest": {"source": "/nowhere", "collection": OTHERS},
        "knowledge.show": {"doc_id": "nothing", "collection": OTHERS},
        "knowledge.remove": {"doc_id": "nothing", "collection": OTHERS},
    }
    for name, params in asked.items():
        for role in Role:
            other = Principal(id="o", name="other", roles=frozenset({role}))
            owner = Principal(id="a", name="another", roles=frozenset({role}))
            assert await _passes(house, other, name, params) == (role is ADMIN), (name, role)
            assert await _passes(house, owner, name, params) == (role in BUILDERS), (name, role)


async def test_everybody_may_ask_what_they_may_read_themselves(house: House) -> None:
    for role in Role:
        who = Principal(id="s", name="somebody", roles=frozenset({role}))
        with pytest.raises(NotFound, match="no document"):
            await house.operate_as(who, "knowledge.why", {"doc_id": "nothing"})


async def test_a_refusal_names_what_it_takes_and_the_rule(house: House) -> None:
    user = Principal(id="u", name="ann", roles=frozenset({USER}))
    with pytest.raises(Forbidden, match="ann may not create keys: it takes the role admin"):
        await house.operate_as(user, "keys.create", {"name": "k"})
    with pytest.raises(Forbidden, match="role auditor or admin"):
        await house.operate_as(user, "audit.verify", {})


async def test_a_companys_rule_closes_an_operation_and_its_reason_is_told(house: House) -> None:
    text = (
        b'@id("own/no-approval-of-advice") @reason("{principal} may not release advice")'
        b' forbid (principal, action == Action::"approve", resource == Workflow::"advice");'
    )
    rules = read_policies({"policies/own.cedar": text}, PolicyChoice()).rules
    assert rules is not None
    shelf = house.platform.shelf
    shelf.now = replace(shelf.now, policy=Policy(rules))
    places = await _places(house, Path("/nowhere"))
    reviewer = Principal(id="r", name="rita", roles=frozenset({REVIEWER}))
    with pytest.raises(Forbidden, match="rita may not release advice"):
        await house.operate_as(reviewer, "approvals.approve", {"id": places["approval_id"]})
    shown = await house.operate("approvals.show", {"id": places["approval_id"]})
    assert shown["status"] == "pending"


async def test_a_resource_named_only_is_taken_as_the_catalog_has_it(house: House) -> None:
    text = (
        b'@id("own/high-needs-two") forbid (principal, action == Action::"activate",'
        b' resource is Workflow) when { resource.impact == "high" };'
    )
    rules = read_policies({"policies/own.cedar": text}, PolicyChoice()).rules
    assert rules is not None
    shelf = house.platform.shelf
    shelf.now = replace(shelf.now, policy=Policy(rules))
    admin = Principal(id="a", name="a", roles=frozenset({ADMIN}))
    low, high, unknown = (
        Resource(kind=ResourceKind.WORKFLOW, name=name) for name in ("triage", "advice", "gone")
    )
    require(house.platform, admin, Action.ACTIVATE, "activate", low)
    for resource in (high, unknown, replace(high, name="ADVICE")):
        with pytest.raises(Forbidden, match="own/high-needs-two"):
            require(house.platform, admin, Action.ACTIVATE, "activate", resource)


async def _places(house: House, folder: Path) -> dict[str, str]:
    """A pending run and a collection of somebody else's, for what is asked about."""
    await house.platform.stores.knowledge.collections.put(
        Collection(tenant="default", name=OTHERS, owner="another", data_class=DataClass.INTERNAL)
    )
    async with house.http() as client:
        answer = await client.post("/v1/workflows/advice/runs", json={"input": "Shall I?"})
    run = answer.json()
    assert run["status"] == "pending_person", run
    return {
        "run_id": run["run_id"],
        "decision_id": run["decision_id"],
        "approval_id": run["approval_id"],
        "folder": str(folder),
    }


def _filled(value: Any, places: dict[str, str]) -> Any:
    is_place = isinstance(value, str) and value.startswith("{") and '"' not in value
    return value.format(**places) if is_place else value


async def _passes(house: House, who: Principal, name: str, params: dict[str, Any]) -> bool:
    """Whether it is stopped by something else than rights: there is nothing to be found."""
    with pytest.raises(BefitError) as caught:
        await house.operate_as(who, name, params)
    return not isinstance(caught.value, Forbidden)


async def _may(house: House, role: Role, name: str, params: dict[str, Any]) -> bool:
    who = Principal(id=f"role:{role}", name=f"a {role}", roles=frozenset({role}))
    try:
        document = await house.operate_as(who, name, params)
    except Forbidden:
        return False
    except NotFound:
        return name not in _HIDDEN
    except BefitError:
        return True
    if name == "route":
        return any(each["eligible"] for each in document["candidates"])
    return document.get("status") != "refused"
