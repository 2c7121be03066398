"""A key that is limited to workflows is limited in all it does, whatever its role."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from befit.errors import Forbidden
from befit.testing import Reply
from tests.gateway.conftest import House

ROLES = ("reviewer", "auditor", "builder", "admin")


async def ask(house: House, who: str, method: str, path: str, body: Any = None) -> httpx.Response:
    async with house.http(who) as http:
        return await http.request(method, path, json=body)


async def advised(house: House) -> dict[str, Any]:
    """A run of the workflow `advice`, which waits for a person."""
    run = await ask(house, "user", "POST", "/v1/workflows/advice/runs", {"input": "weighty"})
    assert run.json()["status"] == "pending_person", run.text
    return run.json()


async def sorted_out(house: House) -> dict[str, Any]:
    """A run of the workflow `triage`, which is answered."""
    house.near.script(Reply(text="red"))
    run = await ask(house, "user", "POST", "/v1/workflows/triage/runs", {"input": "x"})
    assert run.json()["status"] == "answered", run.text
    return run.json()


@pytest.fixture
async def scoped(house: House) -> House:
    """The house with a key of each role that is limited to the workflow `triage`."""
    for role in ROLES:
        house.keys[role] = await house.key(f"scoped-{role}", roles=[role], workflows=["triage"])
    return house


@pytest.mark.parametrize("role", ROLES)
async def test_what_belongs_to_another_workflow_is_not_there_for_it(
    scoped: House, role: str
) -> None:
    waiting = await advised(scoped)
    approval = f"/v1/approvals/{waiting['approval_id']}"
    for method, path in (
        ("GET", approval),
        ("POST", f"{approval}/approve"),
        ("POST", f"{approval}/reject"),
        ("GET", f"/v1/decisions/{waiting['decision_id']}"),
        ("GET", f"/v1/runs/{waiting['run_id']}"),
    ):
        answer = await ask(scoped, role, method, path, {} if method == "POST" else None)
        assert answer.status_code == 404, (method, path, answer.text)
    assert (await ask(scoped, role, "GET", "/v1/approvals")).json()["approvals"] == []
    mine = await ask(scoped, "user", "GET", approval)
    assert mine.json()["status"] == "pending"


@pytest.mark.parametrize("role", ["auditor", "admin"])
async def test_lists_hold_what_its_workflows_were_asked(scoped: House, role: str) -> None:
    theirs, other = await sorted_out(scoped), await advised(scoped)
    listed = (await ask(scoped, role, "GET", "/v1/decisions")).json()["decisions"]
    assert [each["decision_id"] for each in listed] == [theirs["decision_id"]]
    used = (await ask(scoped, role, "GET", "/v1/usage?by=workflow")).json()["rows"]
    assert [row["workflow"] for row in used] == ["triage"]
    assert (await ask(scoped, role, "GET", f"/v1/decisions/{theirs['run_id']}")).status_code == 200
    assert (await ask(scoped, role, "GET", f"/v1/runs/{theirs['run_id']}")).status_code == 200
    everything = await scoped.decisions()
    assert {each["decision_id"] for each in everything} == {
        theirs["decision_id"],
        other["decision_id"],
    }


async def test_it_changes_nothing_that_is_not_its_workflows(scoped: House) -> None:
    for method, path, body in (
        ("POST", "/v1/keys", {"name": "free", "roles": ["admin"]}),
        ("POST", "/v1/people", {"name": "mara"}),
        ("GET", "/v1/inventory", None),
        ("GET", "/v1/access?who=role:admin", None),
    ):
        answer = await ask(scoped, "admin", method, path, body)
        assert answer.status_code == 403, (path, answer.text)
        assert "this key is limited to workflows triage" in answer.text
    principal = await scoped.platform.authenticator.authenticate(scoped.keys["admin"])
    for operation, params in (
        ("models.promote", {"name": "near"}),
        ("workflows.retire", {"name": "advice"}),
        ("audit.erase", {"who": "somebody"}),
        ("audit.rotate_key", {}),
        ("policy.simulate", {"since": "1d"}),
        ("reload", {}),
        ("evaluate", {"workflow": "advice", "cases": "/nowhere"}),
        ("predict", {"workflow": "advice", "cases": "/nowhere"}),
    ):
        with pytest.raises(Forbidden, match="limited to workflows triage"):
            await scoped.operate_as(principal, operation, params)
    shown = await scoped.operate_as(principal, "models.list", {})
    assert {model["url"] for model in shown["models"]} == {None}
    assert {name for model in shown["models"] for name in model["evidence"]} <= {"triage"}
    assert (await scoped.operate_as(principal, "workflows.retire", {"name": "triage"}))["stage"]


async def test_it_exports_what_its_workflow_was_asked_and_nothing_else(
    scoped: House, tmp_path: Path
) -> None:
    await sorted_out(scoped)
    await advised(scoped)
    auditor = await scoped.platform.authenticator.authenticate(scoped.keys["auditor"])
    for number, params in enumerate(({}, {"workflow": "advice"})):
        with pytest.raises(Forbidden, match="limited to workflows triage"):
            out = {"out": str(tmp_path / f"out{number}")}
            await scoped.operate_as(auditor, "audit.export", {**params, **out})
    ours = {"workflow": "triage", "out": str(tmp_path / "ours")}
    assert (await scoped.operate_as(auditor, "audit.export", ours))["decisions"] == 1


async def test_a_reviewer_of_its_workflow_still_decides(scoped: House) -> None:
    scoped.keys["adviser"] = await scoped.key("adviser", roles=["reviewer"], workflows=["advice"])
    waiting = await advised(scoped)
    path = f"/v1/approvals/{waiting['approval_id']}"
    assert (await ask(scoped, "adviser", "GET", path)).json()["payload"]
    decision = f"/v1/decisions/{waiting['decision_id']}"
    assert (await ask(scoped, "adviser", "GET", decision)).status_code == 200
    assert (await ask(scoped, "adviser", "POST", f"{path}/approve", {})).status_code == 200


async def test_its_own_decisions_stay_readable(scoped: House) -> None:
    scoped.keys["own"] = await scoped.key("own", workflows=["triage"])
    answer = await ask(scoped, "own", "POST", "/v1/workflows/advice/runs", {"input": "x"})
    assert answer.status_code in (403, 404)
    for listed in ("/v1/decisions", "/v1/usage"):
        assert (await ask(scoped, "own", "GET", listed)).status_code == 200
    for row in (await ask(scoped, "own", "GET", "/v1/decisions")).json()["decisions"]:
        path = f"/v1/decisions/{row['decision_id']}"
        assert (await ask(scoped, "own", "GET", path)).status_code == 200
