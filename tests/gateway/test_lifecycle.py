"""Promote, retire, roll back: the file is edited, the ledger has it first, requests go on."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import msgspec
import pytest
import yaml

from befit.audit import EventType
from befit.catalog import WorkspaceEdit, card_version, release_of
from befit.errors import Conflict, Forbidden, InvalidRequest, NotFound
from befit.gateway.operations import OperationCall, perform
from befit.identity import Principal, Role, local_administrator
from befit.platform import Platform
from befit.testing import Reply
from befit.vocabulary import silent
from tests.gateway.conftest import Build, House

MODELS = ("near", "far", "vectors")
RECORDED = "activation: recorded"


async def as_somebody(house: House, principal: Principal, operation: str, **params: Any) -> Any:
    call = OperationCall(platform=house.platform, principal=principal, progress=silent)
    return await perform(operation, params, call)


async def administrative(house: House, event_id: str) -> dict[str, Any]:
    """What the ledger has under an event's id."""
    await house.platform.projector.caught_up()
    (event,) = await house.platform.projector.events_of("default", event_id)
    assert event.type is EventType.ADMINISTRATIVE
    return {name: msgspec.json.decode(value) for name, value in event.fields.items()}


def written(house: House, name: str) -> dict[str, Any]:
    return yaml.safe_load(house.platform.workspace.config_file.read_text())["models"][name]


async def activate_all(house: House) -> None:
    for name in MODELS:
        await house.operate("models.promote", {"name": name})
    for name in house.platform.catalog.current.workflows:
        await house.operate("workflows.activate", {"name": name})


async def test_retiring_a_model_writes_its_file_and_the_ledger(house: House) -> None:
    told = await house.operate("models.retire", {"name": "far"})
    assert (told["kind"], told["stage"], told["changed"]) == ("model", "retired", True)
    assert told["file"] == "befit.yaml"
    assert written(house, "far")["stage"] == "retired"
    fields = await administrative(house, told["event"])
    assert (fields["action"], fields["subject"], fields["by"]) == (
        "retired",
        "model:far",
        "local:admin",
    )
    assert fields["release"] == told["release"]
    assert fields["evidence"].keys() == {"assistant", "triage"}
    assert fields["content"]["zone"] == "external"


async def test_a_retired_model_is_left_out_with_its_reason_and_the_route_goes_on(
    house: House,
) -> None:
    await house.operate("models.retire", {"name": "near"})
    house.far.script(Reply(text="red"))
    told = await house.operate("ask", {"text": "hello", "workflow": "triage"})
    assert (told["status"], told["model"]) == ("answered", "far")
    assert "model near is retired, not approved" in told["excluded"]["near"]
    assert house.near.connections == 0
    named = await house.operate("ask", {"text": "hello", "model": "near"})
    assert (named["status"], named["error"]["code"]) == ("refused", "forbidden")


async def test_retiring_warns_of_workflows_without_a_model(house: House) -> None:
    told = await house.operate("models.retire", {"name": "near"})
    assert set(told["warnings"]) == {
        "workflow advice has no approved model left",
        "workflow extract has no approved model left",
    }


async def test_promoting_brings_a_retired_model_back(house: House) -> None:
    await house.operate("models.retire", {"name": "near"})
    told = await house.operate("models.promote", {"name": "near"})
    assert (told["stage"], told["warnings"]) == ("approved", [])
    assert (await house.operate("ask", {"text": "hi", "model": "near"}))["status"] == "answered"


async def test_what_stands_so_already_is_told_and_not_recorded_again(house: House) -> None:
    first = await house.operate("models.promote", {"name": "near"})
    assert (first["changed"], first["file"]) == (True, None)
    before = house.platform.ledger.durable_sizes()
    again = await house.operate("models.promote", {"name": "near"})
    assert (again["changed"], again["event"]) == (False, None)
    assert house.platform.ledger.durable_sizes() == before


async def test_a_retired_workflow_is_refused_with_its_reason_until_it_is_activated(
    house: House,
) -> None:
    told = await house.operate("workflows.retire", {"name": "triage"})
    assert (told["kind"], told["file"]) == ("workflow", "workflows/triage.yaml")
    asked = await house.operate("ask", {"text": "hello", "workflow": "triage"})
    assert asked["status"] == "refused"
    assert "workflow triage is retired, not approved" in str(asked["error"])
    assert house.near.connections == 0
    version = told["version"]
    back = await house.operate("workflows.activate", {"name": "triage"})
    assert back["version"] == version


@pytest.mark.parametrize(
    "operation", ["models.promote", "models.retire", "models.rollback", "workflows.activate"]
)
async def test_letting_serve_takes_who_may_activate(house: House, operation: str) -> None:
    name = "near" if operation.startswith("models") else "triage"
    for role in (Role.USER, Role.BUILDER, Role.REVIEWER, Role.AUDITOR):
        somebody = Principal(id="person:P", name="mara", roles=frozenset({role}))
        with pytest.raises(Forbidden):
            await as_somebody(house, somebody, operation, name=name)
    assert (
        house.platform.shelf.activations.newest(house.platform.catalog.current.cards["near"])
        is None
    )


async def test_an_unknown_name_is_told_with_the_nearest(house: House) -> None:
    with pytest.raises(NotFound, match="did you mean 'near'"):
        await house.operate("models.promote", {"name": "neer"})
    with pytest.raises(NotFound, match="did you mean 'triage'"):
        await house.operate("workflows.show", {"name": "triaje"})


async def test_where_activations_are_recorded_nothing_serves_before_one(build: Build) -> None:
    async with build(more=RECORDED) as house:
        told = await house.operate("ask", {"text": "hello", "model": "near"})
        assert told["status"] == "refused"
        assert "befit models promote near" in told["excluded"]["near"]
        assert house.near.connections == 0
        await activate_all(house)
        told = await house.operate("ask", {"text": "hello", "model": "near"})
        assert told["status"] == "answered"


async def test_an_edited_card_serves_no_more_until_exactly_it_is_activated(build: Build) -> None:
    async with build(more=RECORDED) as house:
        await activate_all(house)
        config = house.platform.workspace.config_file
        text = config.read_text()
        config.write_text(text.replace("zone: external", "zone: onprem"))
        await house.operate("reload", {})
        told = await house.operate("ask", {"text": "hello", "model": "far"})
        assert told["status"] == "refused"
        assert "befit models promote far" in told["excluded"]["far"]
        models = (await house.operate("models.list", {}))["models"]
        far = next(model for model in models if model["name"] == "far")
        assert (far["stage"], far["awaits_activation"]) == ("proposed", True)
        assert far["last_act"]["release"] != far["release"]
        await house.operate("models.promote", {"name": "far"})
        assert (await house.operate("ask", {"text": "x", "model": "far"}))["status"] == "answered"
        # The old file put back is a change like any other.
        config.write_text(text)
        await house.operate("reload", {})
        told = await house.operate("ask", {"text": "hello", "model": "far", "data_class": "public"})
        assert told["status"] == "refused"


async def test_an_edited_workflow_serves_no_more_until_exactly_it_is_activated(
    build: Build,
) -> None:
    async with build(more=RECORDED) as house:
        await activate_all(house)
        file = house.platform.workspace.workflows_dir / "triage.yaml"
        file.write_text(file.read_text() + "owner: support\n")
        await house.operate("reload", {})
        told = await house.operate("ask", {"text": "hello", "workflow": "triage"})
        assert told["status"] == "refused"
        assert "workflow triage is proposed" in str(told["error"])
        shown = await house.operate("workflows.show", {"name": "triage"})
        assert (shown["stage"], shown["awaits_activation"]) == ("proposed", True)
        assert shown["content"]["owner"] == "support"
        await house.operate("workflows.activate", {"name": "triage"})
        shown = await house.operate("workflows.show", {"name": "triage"})
        assert (shown["stage"], shown["last_act"]["by"]) == ("approved", "local:admin")


_INSIDE_ONLY = (
    '@id("house/no-external-activation") @reason("the board activates external models")'
    ' forbid (principal, action == Action::"activate", resource is Model)'
    ' when { resource.zone == "external" };'
)


@pytest.mark.parametrize("operation", ["models.promote", "models.retire"])
async def test_who_may_activate_is_asked_of_the_card_as_it_stands_in_its_file(
    build: Build, operation: str
) -> None:
    async with build(more=RECORDED) as house:
        await activate_all(house)
        workspace = house.platform.workspace
        workspace.policies_dir.mkdir()
        (workspace.policies_dir / "house.cedar").write_text(_INSIDE_ONLY)
        await house.operate("reload", {})
        text = workspace.config_file.read_text()
        workspace.config_file.write_text(text.replace("zone: onprem", "zone: external", 1))
        before = house.platform.ledger.durable_sizes()
        with pytest.raises(Forbidden, match="the board activates external models"):
            await house.operate(operation, {"name": "near"})
        assert house.platform.ledger.durable_sizes() == before
        assert written(house, "near").get("stage") != "retired"


async def test_a_rollback_is_asked_of_the_card_that_it_brings_back(build: Build) -> None:
    async with build(more=RECORDED) as house:
        await activate_all(house)
        workspace = house.platform.workspace
        text = workspace.config_file.read_text()
        workspace.config_file.write_text(text.replace("zone: external", "zone: onprem"))
        await house.operate("models.promote", {"name": "far"})
        workspace.policies_dir.mkdir()
        (workspace.policies_dir / "house.cedar").write_text(_INSIDE_ONLY)
        await house.operate("reload", {})
        with pytest.raises(Forbidden, match="the board activates external models"):
            await house.operate("models.rollback", {"name": "far"})
        assert written(house, "far")["zone"] == "onprem"


@pytest.mark.parametrize(
    ("operation", "name", "file", "edit"),
    [
        ("models.promote", "near", "befit.yaml", ("zone: onprem", "zone: private_cloud")),
        ("workflows.activate", "triage", "workflows/triage.yaml", ("[red, green]", "[red, blue]")),
    ],
)
async def test_a_release_that_is_named_is_the_one_that_serves_or_none(
    build: Build, operation: str, name: str, file: str, edit: tuple[str, str]
) -> None:
    async with build(more=RECORDED) as house:
        catalog = house.platform.catalog.current
        item = catalog.cards.get(name) or catalog.workflows[name]
        read = release_of(item)
        path = house.platform.workspace.root / file
        text = path.read_text()
        path.write_text(text.replace(*edit, 1))
        for release in (read, read[:19]):
            with pytest.raises(Conflict, match=f"{name} is release sha256:.* now, not {release}"):
                await house.operate(operation, {"name": name, "release": release})
        assert house.platform.shelf.activations.newest(item) is None
        with pytest.raises(InvalidRequest, match="is no release"):
            await house.operate(operation, {"name": name, "release": "sha256:"})
        path.write_text(text)
        told = await house.operate(operation, {"name": name, "release": read[:19]})
        assert (told["release"], told["stage"]) == (read, "approved")


async def test_a_retired_model_does_not_come_back_by_an_edit_of_its_file(build: Build) -> None:
    async with build(more=RECORDED) as house:
        await activate_all(house)
        await house.operate("models.retire", {"name": "near"})
        config = house.platform.workspace.config_file
        config.write_text(config.read_text().replace("stage: retired", "stage: approved"))
        await house.operate("reload", {})
        assert house.platform.catalog.current.cards["near"].awaits_activation


async def test_activations_outlive_a_restart(build: Build) -> None:
    async with build(more=RECORDED) as house:
        await activate_all(house)
        workspace = house.platform.workspace
    async with Platform.opened(
        workspace, boot_key=bytes(32), models_socket=workspace.run_dir / "m.sock"
    ) as platform:
        assert not platform.catalog.current.cards["near"].awaits_activation


async def test_a_rollback_brings_back_the_card_before_and_the_one_before_that(
    house: House,
) -> None:
    releases: list[str] = []
    for window in ("8192", "4096", "2048"):
        edit = WorkspaceEdit(house.platform.workspace)
        card = house.platform.catalog.current.cards["near"]
        edit.put_card(replace(card, context_window=int(window)))
        edit.commit()
        await house.operate("reload", {})
        releases.append((await house.operate("models.promote", {"name": "near"}))["release"])
    for expected, window in ((1, 4096), (0, 8192)):
        told = await house.operate("models.rollback", {"name": "near"})
        assert (told["release"], told["stage"]) == (releases[expected], "approved")
        assert house.platform.catalog.current.cards["near"].context_window == window
        fields = await administrative(house, told["event"])
        assert fields["rolled_back_from"] == releases[expected + 1]
    with pytest.raises(Conflict, match="no release of model near before"):
        await house.operate("models.rollback", {"name": "near"})


async def test_a_rollback_restores_a_retired_model_as_it_was_before(house: House) -> None:
    await house.operate("models.promote", {"name": "near"})
    edit = WorkspaceEdit(house.platform.workspace)
    card = house.platform.catalog.current.cards["near"]
    edit.put_card(replace(card, owner="nobody", able=frozenset({"write", "plan"})))
    edit.commit()
    await house.operate("reload", {})
    await house.operate("models.retire", {"name": "near"})
    told = await house.operate("models.rollback", {"name": "near"})
    assert told["stage"] == "approved"
    assert house.platform.catalog.current.cards["near"] == card


async def test_a_tenants_administrator_activates_only_what_is_the_tenants(build: Build) -> None:
    async with build(more="identity: {tenants: [b]}") as house:
        theirs = local_administrator(tenant="b")
        with pytest.raises(Forbidden, match="shared by all tenants"):
            await as_somebody(house, theirs, "models.retire", name="near")
        edit = WorkspaceEdit(house.platform.workspace)
        card = house.platform.catalog.current.cards["far"]
        edit.put_card(replace(card, tenants=frozenset({"b"})))
        edit.commit()
        await house.operate("reload", {})
        told = await as_somebody(house, theirs, "models.retire", name="far")
        assert told["stage"] == "retired"
        with pytest.raises(NotFound):
            await house.operate("models.promote", {"name": "far"})


async def test_no_tenant_learns_of_another_from_what_both_have(build: Build) -> None:
    async with build(more="identity: {tenants: [b, c]}") as house:
        await house.operate("models.promote", {"name": "near"})
        edit = WorkspaceEdit(house.platform.workspace)
        card = house.platform.catalog.current.cards["far"]
        edit.put_card(replace(card, tenants=frozenset({"b", "c"})))
        edit.commit()
        await house.operate("reload", {})
        for operation in ("models.list", "inventory"):
            told = await as_somebody(house, local_administrator(tenant="b"), operation)
            models = {model["name"]: model for model in told["models"]}
            assert models["far"]["tenants"] == ["b"]
            assert models["near"]["last_act"]["by"] is None
            assert models["near"]["last_act"]["event"] is None


async def test_no_request_is_lost_while_stages_change(house: House) -> None:
    async def ask() -> str:
        told = await house.operate("ask", {"text": "hi", "workflow": "triage"})
        return told["status"]

    async def change() -> None:
        for operation in ("workflows.retire", "workflows.activate") * 3:
            await house.operate(operation, {"name": "triage"})

    *answers, _ = await asyncio.gather(*(ask() for _ in range(20)), change())
    assert len(answers) == 20
    assert set(answers) <= {"pending_person", "answered", "refused"}
    records = await house.until_closed(20)
    assert len(records) == 20


async def test_a_model_is_added_approved_by_who_may_activate_and_proposed_by_others(
    house: House,
) -> None:
    request = {"via": "openai", "url": house.near.url, "model": "test-model", "zone": "onprem"}
    told = await house.operate("models.add", {"name": "ours", **request})
    assert (told["stage"], told["in_force"]) == ("approved", True)
    card = house.platform.catalog.current.cards["ours"]
    act = house.platform.shelf.activations.newest(card)
    assert act is not None
    assert act.release == release_of(card)
    assert (await administrative(house, act.event))["probe"]["ok"] is True

    policies = house.platform.workspace.root / "policies"
    policies.mkdir()
    (policies / "house.cedar").write_text(
        '@id("house/nobody-activates")\nforbid (principal, action == Action::"activate", resource);'
    )
    await house.operate("reload", {})
    told = await house.operate("models.add", {"name": "theirs", **request})
    assert told["stage"] == "proposed"
    assert (
        house.platform.shelf.activations.newest(house.platform.catalog.current.cards["theirs"])
        is None
    )
    asked = await house.operate("ask", {"text": "hi", "model": "theirs"})
    assert asked["status"] == "refused"


async def test_the_list_tells_of_a_model_that_is_left_alone(house: House) -> None:
    await house.near.stop()
    for _ in range(3):
        await house.operate("ask", {"text": "hi", "model": "near"})
    models = (await house.operate("models.list", {}))["models"]
    by_name = {model["name"]: model for model in models}
    assert (by_name["near"]["health"], by_name["far"]["health"]) == ("ill", "healthy")
    assert by_name["near"]["last_error"]
    card = house.platform.catalog.current.cards["near"]
    assert by_name["near"]["version"] == card_version(card)
