"""Who may reach what, and what there is: told by the policy and the files in force."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from befit.errors import Forbidden, InvalidRequest, NotFound
from befit.gateway.operations import OperationCall, perform
from befit.identity import (
    EVERYONE,
    KeyGrant,
    Principal,
    Role,
    issue_key,
    local_administrator,
)
from befit.policy import Policy
from befit.vocabulary import DataClass, silent
from tests.gateway.conftest import Build, House


async def access(house: House, who: str = "me", **params: Any) -> dict[str, Any]:
    return await house.operate("access", {"who": who, **params})


async def as_somebody(
    house: House, principal: Principal, operation: str, params: dict[str, Any]
) -> dict[str, Any]:
    call = OperationCall(platform=house.platform, principal=principal, progress=silent)
    return await perform(operation, params, call)


def row(document: dict[str, Any], workflow: str | None, model: str) -> dict[str, Any]:
    (found,) = (
        each for each in document["rows"] if (each["workflow"], each["model"]) == (workflow, model)
    )
    return found


def permitted(document: dict[str, Any]) -> set[tuple[str, str]]:
    return {(each["action"], each["on"]) for each in document["actions"] if each["permitted"]}


async def test_each_class_is_told_with_the_rule_that_decides(house: House) -> None:
    told = await access(house, "role:user")
    near, far = row(told, "triage", "near"), row(told, "triage", "far")
    assert (near["raw_up_to"], far["raw_up_to"]) == ("restricted", "public")
    assert [each["data_class"] for each in near["classes"]] == [each.word for each in DataClass]
    public, internal, *_ = far["classes"]
    assert (public["form"], public["unattended"]) == ("raw", True)
    assert "baseline/public-anywhere" in public["rules"]
    assert internal["form"] is None
    assert "zone external" in internal["reasons"][0]
    assert told["policy"] == house.platform.policy.hash


async def test_high_impact_is_told_as_not_unattended(house: House) -> None:
    advice = row(await access(house, "role:user"), "advice", "near")
    assert (advice["raw_up_to"], advice["unattended_up_to"]) == ("restricted", None)


async def test_a_models_own_name_is_a_row_without_a_workflow(house: House) -> None:
    told = await access(house, "role:user")
    assert row(told, None, "vectors")["raw_up_to"] == "restricted"
    assert {each["model"] for each in told["rows"] if each["workflow"] == "assistant"} == {
        "near",
        "far",
    }


async def test_what_is_told_is_what_a_request_meets(house: House) -> None:
    key = await house.operate("keys.create", {"name": "asker"})
    told = await access(house, str(key["id"]))
    assert (told["who"]["kind"], told["who"]["roles"]) == ("key", ["user"])
    async with house.http("user") as http:
        http.headers["authorization"] = f"Bearer {key['key']}"
        for model in ("near", "far"):
            for reach in row(told, None, model)["classes"]:
                body = {
                    "model": model,
                    "messages": [{"role": "user", "content": "hello"}],
                    "befit": {"data_class": reach["data_class"]},
                }
                answer = await http.post("/v1/chat/completions", json=body)
                assert (answer.status_code == 200) is (reach["form"] is not None)


async def test_roles_have_the_actions_that_policy_gives_them(house: House) -> None:
    user = permitted(await access(house, "role:user"))
    assert user == set()
    reviewer = permitted(await access(house, "role:reviewer"))
    assert ("approve", "workflow:triage") in reviewer
    auditor = permitted(await access(house, "role:auditor"))
    assert auditor == {("audit", "workspace"), ("export", "workspace")}
    builder = permitted(await access(house, "role:builder"))
    assert ("train_on", "workflow:triage") in builder
    assert ("activate", "model:near") not in builder
    admin = permitted(await access(house, "role:admin"))
    assert {("administer", "workspace"), ("activate", "model:near")} <= admin


async def test_a_companys_rule_shows_for_its_group_alone(house: House) -> None:
    policies = house.platform.workspace.root / "policies"
    policies.mkdir()
    (policies / "house.cedar").write_text(
        '@id("house/interns-ask-nothing-outside")\n'
        '@reason("interns ask nothing of {zone} models")\n'
        'forbid (principal in Group::"interns", action == Action::"invoke", resource)\n'
        'when { resource.zone == "external" };\n'
    )
    await house.operate("reload", {})
    interns = await access(house, "group:interns")
    assert interns["who"]["groups"] == [EVERYONE, "interns"]
    assert "not kept here" in interns["who"]["notes"][0]
    (public, *_) = row(interns, "triage", "far")["classes"]
    assert public["form"] is None
    assert "house/interns-ask-nothing-outside" in public["rules"]
    assert "interns ask nothing of external models" in public["reasons"][0]
    others = await access(house, "group:everyone")
    assert row(others, "triage", "far")["raw_up_to"] == "public"


async def test_a_person_is_told_with_groups_and_roles_and_what_stops_them(house: House) -> None:
    await house.operate("people.add", {"name": "mara", "roles": ["user", "reviewer"]})
    await house.operate("groups.add", {"name": "desk"})
    await house.operate("groups.add_member", {"name": "desk", "member": "mara"})
    told = await access(house, "mara")
    assert (told["who"]["kind"], told["who"]["name"]) == ("person", "mara")
    assert told["who"]["groups"] == ["desk", EVERYONE]
    assert ("approve", "workflow:advice") in permitted(told)
    assert (await access(house, told["who"]["id"]))["who"] == told["who"]


async def test_a_key_is_told_with_its_scope_and_its_revocation(house: House) -> None:
    made = await house.operate("keys.create", {"name": "ci", "workflows": ["triage"]})
    told = await access(house, str(made["id"]))
    assert told["who"]["workflows"] == ["triage"]
    assert row(told, "triage", "near")["raw_up_to"] == "restricted"
    assert row(told, "extract", "near")["raw_up_to"] is None
    await house.operate("keys.revoke", {"id": made["id"]})
    assert "has been revoked" in (await access(house, str(made["id"])))["who"]["notes"][0]


async def test_a_key_is_told_with_its_expiry_and_counts_as_active_no_more(house: House) -> None:
    before = (await house.operate("inventory", {}))["keys"]
    grant = KeyGrant(expires_at=2.0)
    key, _ = issue_key("brief", created_at=1.0, grant=grant)
    await house.platform.stores.keys.add(key)
    for who in (key.id, f"key:{key.id}"):
        assert (await access(house, who))["who"]["notes"] == [f"key {key.id} has expired"]
    after = (await house.operate("inventory", {}))["keys"]
    assert after == {"all": before["all"] + 1, "active": before["active"]}


async def test_tags_join_what_the_workflow_declares(house: House) -> None:
    told = await access(house, "role:user", tags=["pii"])
    assert told["tags"] == ["pii"]
    with pytest.raises(InvalidRequest, match="tags are"):
        await access(house, tags=["piii"])


async def test_nobody_is_told_with_the_nearest_name(house: House) -> None:
    await house.operate("people.add", {"name": "mara"})
    with pytest.raises(NotFound, match="did you mean 'mara'"):
        await access(house, "marra")
    with pytest.raises(NotFound, match="did you mean 'auditor'"):
        await access(house, "role:auditer")


async def test_another_tenants_people_and_keys_are_nobody(build: Build) -> None:
    async with build(more="identity: {tenants: [b]}") as house:
        made = await house.operate("keys.create", {"name": "ours"})
        theirs = local_administrator(tenant="b")
        unknown = "ZZZZZZZZZZZZ"
        told: list[str] = []
        for who in (str(made["id"]), unknown):
            with pytest.raises(NotFound) as caught:
                await as_somebody(house, theirs, "access", {"who": who})
            told.append(str(caught.value).replace(who, "WHO"))
        assert told[0] == told[1]


async def test_everybody_sees_their_own_access_and_auditors_that_of_others(house: House) -> None:
    async with house.http("user") as http:
        own = await http.get("/v1/access")
        assert own.status_code == 200
        assert own.json()["who"]["kind"] == "me"
        refused = await http.get("/v1/access", params={"who": "role:admin"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "forbidden")
        assert (await http.get("/v1/inventory")).status_code == 403
    auditor = Principal(id="person:A", name="auditor", roles=frozenset({Role.AUDITOR}))
    told = await as_somebody(house, auditor, "access", {"who": "role:admin"})
    assert told["who"]["roles"] == ["admin"]
    builder = Principal(id="person:B", name="builder", roles=frozenset({Role.BUILDER}))
    with pytest.raises(Forbidden):
        await as_somebody(house, builder, "inventory", {})


async def test_the_inventory_names_owner_stage_version_and_last_use(house: House) -> None:
    file = house.platform.workspace.workflows_dir / "triage.yaml"
    file.write_text(file.read_text() + "owner: support\ntags: [pii]\npurposes: [answer]\n")
    await house.operate("reload", {})
    await house.operate("models.promote", {"name": "near"})
    await house.operate("ask", {"text": "red", "workflow": "triage"})
    told = await house.operate("inventory", {})
    models = {each["name"]: each for each in told["models"]}
    workflows = {each["name"]: each for each in told["workflows"]}
    assert list(models) == sorted(models)
    assert list(workflows) == sorted(workflows)
    triage = workflows["triage"]
    assert (triage["owner"], triage["stage"], triage["tags"]) == ("support", "approved", ["pii"])
    assert triage["version"] == house.platform.catalog.current.workflows["triage"].version
    assert triage["last_used_at"] is not None
    assert workflows["extract"]["last_used_at"] is None
    assert models["near"]["last_used_at"] is not None
    assert models["near"]["last_act"]["by"] == "local:admin"
    assert models["far"]["last_act"] is None
    assert (told["collections"], told["activation"]) == ([], "declared")
    assert told["keys"] == {"all": len(house.keys), "active": len(house.keys)}
    assert told["policy_version"] == house.platform.policy.hash
    names = {each["name"] for each in told["policies"] if each["packaged"]}
    assert {"system", "baseline"} <= names


async def test_the_inventory_is_the_same_twice_and_counts_no_dead_key(house: House) -> None:
    made = await house.operate("keys.create", {"name": "gone"})
    await house.operate("keys.revoke", {"id": made["id"]})
    one, other = await house.operate("inventory", {}), await house.operate("inventory", {})
    assert json.dumps({**one, "at": 0}) == json.dumps({**other, "at": 0})
    assert one["keys"]["all"] == one["keys"]["active"] + 1


async def test_many_who_look_at_once_take_one_question_between_two_steps_of_others(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps, asked_at = [0], list[int]()

    def counted(ask: Callable[[Policy, Any], Any]) -> Callable[[Policy, Any], Any]:
        def asked(policy: Policy, question: Any) -> Any:
            assert policy is not house.platform.policy, "it would forget what requests ask"
            asked_at.append(steps[0])
            return ask(policy, question)

        return asked

    async def others() -> None:
        while True:
            steps[0] += 1
            await asyncio.sleep(0)

    monkeypatch.setattr(Policy, "decide", counted(Policy.decide))
    monkeypatch.setattr(Policy, "judge", counted(Policy.judge))
    stepping = asyncio.create_task(others())
    user = Principal(id="key:u", name="u")
    looks = (as_somebody(house, user, "access", {}) for _ in range(5))
    told = await asyncio.gather(*looks)
    stepping.cancel()
    assert len({json.dumps(each) for each in told}) == 1
    assert len(asked_at) > 5 * len(told[0]["actions"])
    assert len(set(asked_at)) == len(asked_at)
