"""Operations as the command line calls them, and the documents they answer with."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from befit.errors import Conflict, Forbidden, InvalidRequest, NotFound
from befit.gateway.operations import OperationCall, perform
from befit.gateway.operations.registry import MODULES
from befit.identity import local_administrator
from befit.testing import Reply
from befit.vocabulary import silent
from tests.gateway.conftest import House

ASKED = {
    "decision_id", "status", "output", "workflow", "model", "zone", "evidence", "data_class",
    "excluded", "cost_usd", "latency_ms",
}  # fmt: skip


def test_each_module_offers_the_operations_that_stand_under_its_name() -> None:
    offered = {
        module: tuple(
            each.name
            for each in importlib.import_module(f"befit.gateway.operations.{module}").OPERATIONS
        )
        for module in MODULES
    }
    assert offered == dict(MODULES)


async def test_ask_answers_with_the_contracts_document(house: House) -> None:
    told = await house.operate("ask", {"text": "hello", "model": "near"})
    assert told.keys() >= ASKED
    assert (told["status"], told["output"], told["zone"]) == ("answered", "near says so", "onprem")
    assert told["excluded"].keys() == {"far", "vectors"}
    assert told["cost_usd"] > 0
    assert "error" not in told


async def test_a_refused_ask_is_a_document_with_the_reason_and_every_exclusion(
    house: House,
) -> None:
    told = await house.operate("ask", {"text": "hello", "model": "far", "data_class": "restricted"})
    assert told.keys() >= ASKED
    assert (told["status"], told["output"], told["model"]) == ("refused", None, None)
    assert told["data_class"] == "restricted"
    assert "zone external" in told["excluded"]["far"]
    assert told["error"]["code"] == "forbidden"
    assert (await house.record(told["decision_id"])).status == "refused"


async def test_an_ask_for_an_unknown_workflow_is_refused_and_recorded(house: House) -> None:
    told = await house.operate("ask", {"text": "hello", "workflow": "triaje"})
    assert told["status"] == "refused"
    assert "did you mean 'triage'" in told["error"]["message"]


async def test_a_failed_model_is_a_refused_ask(house: House) -> None:
    await house.near.stop()
    told = await house.operate("ask", {"text": "hello", "model": "near"})
    assert (told["status"], told["error"]["code"]) == ("refused", "model_unreachable")


async def test_a_pending_ask_has_no_output_and_says_what_it_waits_for(house: House) -> None:
    told = await house.operate("ask", {"text": "hello", "workflow": "advice"})
    assert (told["status"], told["output"]) == ("pending_person", None)
    assert told["approval_id"].startswith("apr_")


async def test_route_tells_every_candidate_and_calls_none(house: House) -> None:
    told = await house.operate("route", {"text": "hello", "workflow": "triage"})
    assert told.keys() >= ASKED
    assert {item["model"]: item["eligible"] for item in told["candidates"]} == {
        "near": True,
        "far": True,
        "vectors": False,
    }
    assert told["route"] == ["near", "far"]
    assert (house.near.connections, house.far.connections) == (0, 0)


async def test_a_route_that_no_model_may_take_still_explains(house: House) -> None:
    told = await house.operate("route", {"text": "x", "model": "far", "data_class": "restricted"})
    assert told["status"] == "refused"
    assert {item["model"] for item in told["candidates"]} == {"near", "far", "vectors"}


async def test_run_on_the_command_line_tells_a_refusal_in_its_document(house: House) -> None:
    told = await house.operate("run", {"workflow": "nothing", "input": "x"})
    assert (told["status"], told["output"], told["error"]["code"]) == ("refused", None, "not_found")
    assert told["run_id"].removeprefix("run_") == told["decision_id"].removeprefix("dec_")


async def test_a_key_is_shown_once_and_its_creation_is_recorded(house: House) -> None:
    before = house.platform.ledger.durable_sizes()
    made = await house.operate("keys.create", {"name": "ci", "budget_usd": "5", "roles": ["user"]})
    assert {"id", "key"} <= made.keys()
    assert made["key"].startswith(f"befit_{made['id']}_")
    assert house.platform.ledger.durable_sizes() != before
    listed = (await house.operate("keys.list", {}))["keys"]
    assert made["key"] not in str(listed)
    assert next(key for key in listed if key["id"] == made["id"])["budget_usd"] == 5


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({"name": "a b"}, InvalidRequest),
        ({"name": "x", "roles": ["root"]}, InvalidRequest),
        ({"name": "x", "workflows": ["triaje"]}, NotFound),
        ({"name": "x", "budget_usd": "-1"}, InvalidRequest),
        ({"name": "x", "expires_in_s": 0}, InvalidRequest),
        ({"nam": "x"}, InvalidRequest),
    ],
)
async def test_a_key_that_cannot_be_is_refused(
    house: House, params: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        await house.operate("keys.create", params)


@pytest.mark.parametrize(
    ("operation", "params"),
    [
        ("keys.create", {"name": "x"}),
        ("keys.list", {}),
        ("keys.revoke", {"id": "x"}),
        ("reload", {}),
    ],
)
async def test_administration_takes_an_administrator(
    house: House, operation: str, params: dict[str, Any]
) -> None:
    reader = OperationCall(
        platform=house.platform,
        principal=local_administrator(acting_as="ann:staff"),
        progress=silent,
    )
    with pytest.raises(Forbidden, match="role admin"):
        await perform(operation, params, reader)


async def test_the_local_administrator_decides_once(house: House) -> None:
    told = await house.operate("ask", {"text": "hello", "workflow": "advice"})
    decided = await house.operate("approvals.approve", {"id": told["approval_id"]})
    assert (decided["status"], decided["self_approved"]) == ("approved", True)
    with pytest.raises(Conflict):
        await house.operate("approvals.reject", {"id": told["approval_id"]})
    run = await house.operate("runs.show", {"run_id": told["run_id"]})
    assert run["output"] == "near says so"


async def test_models_tell_zone_evidence_and_health(house: House) -> None:
    models = {item["name"]: item for item in (await house.operate("models.list", {}))["models"]}
    assert models["near"]["zone"] == "onprem"
    assert models["near"]["evidence"]["triage"] == "none"
    assert models["near"]["health"] == "healthy"
    assert models["near"]["url"] == house.near.url


async def test_reload_takes_up_a_changed_file_and_keeps_the_old_for_a_wrong_one(
    house: House,
) -> None:
    folder = house.platform.workspace.workflows_dir
    (folder / "fresh.yaml").write_text("description: New.\ndata_class: public\n")
    assert (await house.operate("reload", {}))["changed"]
    house.near.script(Reply(text="fresh"))
    assert (await house.operate("run", {"workflow": "fresh", "input": "x", "model": "near"}))[
        "output"
    ] == "fresh"
    (folder / "fresh.yaml").write_text("descripton: New.\n")
    told = await house.operate("reload", {})
    assert not told["changed"]
    assert "did you mean 'description'" in told["problems"][0]
    assert "fresh" in house.platform.catalog.current.workflows


async def test_an_unknown_operation_names_the_nearest(house: House) -> None:
    with pytest.raises(NotFound, match=r"approvals\.list"):
        await house.operate("approvals.lst", {})
