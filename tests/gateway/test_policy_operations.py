"""The rules in force are shown; changed ones are tried on what was recorded, and taken up whole."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from befit.errors import Forbidden, InvalidRequest, WorkspaceError
from befit.gateway.operations.policy import simulating
from befit.identity import Principal
from befit.testing import Reply
from tests.gateway.conftest import House

_NO_FAR = (
    '@id("own/no-far") @reason("{model} is closed")\n'
    'forbid (principal, action == Action::"invoke", resource == Model::"far");\n'
)
_WIDER = (
    '@id("own/internal-out") permit (principal in Group::"everyone", '
    'action == Action::"send_raw", resource) when { context.data_class == 1 };\n'
)


async def _ask(house: House, *, workflow: str, who: str = "user", **body: object) -> str:
    async with house.http(who) as client:
        answer = await client.post(f"/v1/workflows/{workflow}/runs", json={"input": "x", **body})
    return str(answer.json().get("decision_id") or answer.json()["error"]["decision_id"])


async def test_the_rules_in_force_are_shown_with_their_place(house: House):
    found = await house.operate("policy.show", {})
    assert found["policy"] == house.platform.policy.hash
    rules = {rule["id"]: rule for rule in found["rules"]}
    rule = rules["sovereignty/restricted-inside"]
    assert rule["effect"] == "forbid"
    assert set(rule["actions"]) == {"send_raw", "send_redacted"}
    assert (rule["file"], rule["line"]) == ("packaged sovereignty", 3)
    assert rule["text"].startswith('@id("sovereignty/restricted-inside")')


async def test_a_simulation_tells_what_would_change_and_for_whom(house: House, tmp_path: Path):
    house.near.script(Reply(text="red"))
    triage = await _ask(house, workflow="triage")
    assistant = await _ask(house, workflow="assistant")  # undeclared, so internal: far is out
    draft = tmp_path / "draft"
    draft.mkdir()
    (draft / "own.cedar").write_text(_NO_FAR + _WIDER)
    found = await house.operate("policy.simulate", {"since": "1h", "policies": str(draft)})
    assert (found["decisions"], found["replayed"], found["unknown_policy"]) == (2, 2, 0)
    changes = {(each["decision_id"], each["model"]): each for each in found["changes"]}
    closed = changes[triage, "far"]
    assert (closed["before"], closed["after"]) == ("permitted", "denied")
    assert closed["rules"] == ["own/no-far"]
    assert closed["reasons"] == ["far is closed (rule own/no-far)"]
    assert closed["who"].startswith("key:")
    assert (closed["workflow"], closed["answered"]) == ("triage", False)
    assert all(model == "far" for _, model in changes)
    assert (assistant, "far") not in changes  # it was denied, and by another rule still is
    (group,) = found["groups"]
    assert (group["workflow"], group["decisions"], group["people"]) == ("triage", 1, 1)
    assert found["changed"] == 1
    # Nothing was taken up, and the reading itself is an event.
    assert "own/no-far" not in house.platform.policy.rules.by_id


async def test_a_simulation_compares_with_the_rules_a_decision_was_made_under(house: House):
    decision = await _ask(house, workflow="assistant")
    folder = house.platform.workspace.policies_dir
    folder.mkdir()
    (folder / "own.cedar").write_text(_WIDER)
    await house.platform.shelf.reload()
    found = await house.operate("policy.simulate", {"since": "1h"})
    (change,) = [each for each in found["changes"] if each["model"] == "far"]
    assert (change["decision_id"], change["before"], change["after"]) == (
        decision,
        "denied",
        "permitted",
    )
    assert "own/internal-out" in change["rules"]
    later = await house.operate("policy.simulate", {"since": "2100-01-01"})
    assert (later["decisions"], later["changes"]) == (0, [])


async def test_wrong_rules_are_not_simulated(house: House, tmp_path: Path):
    (tmp_path / "own.cedar").write_text("permit (principal, action, resource);")
    with pytest.raises(WorkspaceError, match="a rule without @id"):
        await house.operate("policy.simulate", {"since": "1h", "policies": str(tmp_path)})
    with pytest.raises(InvalidRequest, match="relative"):
        await house.operate("policy.simulate", {"since": "1h", "policies": "draft"})
    with pytest.raises(InvalidRequest, match="cannot be read"):
        gone = str(tmp_path / "gone")
        await house.operate("policy.simulate", {"since": "1h", "policies": gone})


async def test_rules_are_taken_up_without_a_lost_request(house: House):
    """Requests go on while the rules change; each is decided under one version or the next."""
    folder = house.platform.workspace.policies_dir
    folder.mkdir()
    seen: set[str] = {house.platform.policy.hash}

    async def change() -> None:
        for number in range(6):
            text = _WIDER if number % 2 else _WIDER + _NO_FAR
            (folder / "own.cedar").write_text(text)
            await house.platform.shelf.reload()
            seen.add(house.platform.policy.hash)
            await asyncio.sleep(0.01)

    async def ask() -> list[str]:
        return [await _ask(house, workflow="triage") for _ in range(10)]

    for _ in range(40):
        house.near.script(Reply(text="red"))
    *answers, _ = await asyncio.gather(ask(), ask(), ask(), change())
    for decision in (each for answer in answers for each in answer):
        record = await house.record(decision)
        assert record.status == "answered"
        events = await house.platform.projector.events_of("default", decision)
        assert len({event.policy for event in events}) == 1
        assert events[0].policy in seen


async def test_a_model_that_a_rule_closes_is_refused_over_http_with_rule_and_reason(house: House):
    folder = house.platform.workspace.policies_dir
    folder.mkdir()
    (folder / "own.cedar").write_text(_NO_FAR)
    await house.platform.shelf.reload()
    async with house.http() as client:
        answer = await client.post(
            "/v1/chat/completions",
            json={
                "model": "far",
                "messages": [{"role": "user", "content": "x"}],
                "befit": {"data_class": "public"},
            },
        )
    assert answer.status_code == 403
    assert "far is closed (rule own/no-far)" in answer.json()["error"]["message"]
    assert house.far.requests == []


async def test_who_may_not_audit_may_not_simulate(house: House):
    with pytest.raises(Forbidden, match="role auditor or admin"):
        await house.operate_as(Principal(id="u", name="u"), "policy.simulate", {"since": "1h"})


async def test_a_replay_takes_no_place_in_what_serving_policy_remembers(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    house.near.script(Reply(text="red"))
    await _ask(house, workflow="triage")
    (tmp_path / "own.cedar").write_text(_NO_FAR)

    def asked(_: object) -> None:
        raise AssertionError("the policy that serves was asked")

    monkeypatch.setattr(house.platform.policy, "decide", asked)
    found = await house.operate("policy.simulate", {"since": "1h", "policies": str(tmp_path)})
    assert found["changed"] == 1


async def test_a_replay_counts_all_changes_and_keeps_the_first(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(simulating, "_LISTED", 2)
    for _ in range(3):
        house.near.script(Reply(text="red"))
        newest = await _ask(house, workflow="triage")
    (tmp_path / "own.cedar").write_text(_NO_FAR)
    found = await house.operate("policy.simulate", {"since": "1h", "policies": str(tmp_path)})
    assert found["changed"] == 3
    (group,) = found["groups"]
    assert (group["model"], group["decisions"], group["people"]) == ("far", 3, 1)
    listed = [each["decision_id"] for each in found["changes"]]
    assert (listed[0], len(listed)) == (newest, 2)
