"""One request through the whole staircase, on a real ledger, database and HTTP peers."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from befit.audit import EventType
from befit.errors import (
    BefitError,
    BudgetExhausted,
    Forbidden,
    InvalidRequest,
    ModelFailure,
    NotAuthenticated,
    NotFound,
    PersonRequired,
)
from befit.identity import local_administrator
from befit.messages import ChatRequest
from befit.orchestrator import Arrival
from befit.testing import Reply
from befit.vocabulary import DataClass, Evidence, Status


async def _types(world, decision_id: str) -> list[EventType]:
    events = await world.platform.projector.events_of("default", decision_id)
    return [event.type for event in events]


async def test_an_answer_leaves_one_whole_decision(world):
    answer = await world.ask("hello", workflow="triage")
    assert answer.status is Status.ANSWERED
    assert answer.output == "green"
    assert answer.standing.model == "onprem"
    types = await _types(world, answer.standing.decision_id)
    assert types == [
        EventType.OPENED,
        EventType.RESERVED,
        EventType.SETTLED,
        EventType.CLOSED,
    ]
    record = await world.record(answer.standing.decision_id)
    assert record.status == "answered"
    assert record.workflow is not None
    assert record.workflow.name == "triage"


async def test_an_answer_below_its_check_goes_up_to_the_larger_model(world):
    world.onprem.script(Reply(text="no label at all"))
    answer = await world.ask("hello", workflow="triage")
    assert answer.standing.model == "outside"
    record = await world.record(answer.standing.decision_id)
    assert [call.purpose for call in record.calls] == ["answer", "escalation"]
    assert [check.passed for check in record.checks] == [False, True]


async def test_an_answer_that_no_model_gets_right_waits_for_a_person(world):
    world.onprem.script(Reply(text="blue"))
    world.outside.script(Reply(text="blue"))
    answer = await world.ask("hello", workflow="triage")
    assert answer.status is Status.PENDING_PERSON
    assert answer.output is None
    assert (await _types(world, answer.standing.decision_id))[-1] is EventType.WAITING
    record = await world.record(answer.standing.decision_id)
    assert record.status == "pending_person"
    assert [check.passed for check in record.checks] == [False, False]
    assert record.latency_ms is not None


async def test_every_answer_of_a_high_impact_workflow_waits(world):
    answer = await world.ask("shall we?", workflow="advice")
    assert answer.status is Status.PENDING_PERSON
    assert "green" not in answer.completion.text


async def test_a_failure_falls_back_and_is_told(world):
    world.onprem.script(Reply(status=500))
    answer = await world.ask("hello", workflow="triage")
    assert answer.standing.model == "outside"
    record = await world.record(answer.standing.decision_id)
    assert [call.outcome for call in record.calls] == ["failed", "ok"]
    assert record.calls[1].purpose == "fallback"


async def test_restricted_text_never_reaches_an_external_model(world):
    world.onprem.script(Reply(status=500))
    with pytest.raises(ModelFailure) as caught:
        await world.ask("secret", workflow="triage", data_class=DataClass.RESTRICTED)
    assert world.outside.connections == 0
    record = await world.record(caught.value.decision_id)
    assert "restricted data" in record.excluded["outside"]


async def test_a_caller_cannot_lower_what_the_workflow_declares(world, tmp_path: Path):
    folder = tmp_path / "workflows" / "private.yaml"
    folder.write_text("data_class: restricted\nescalation: {models: [outside]}\n")
    await world.platform.shelf.reload()
    with pytest.raises(Forbidden):
        await world.ask("x", workflow="private", data_class=DataClass.PUBLIC)
    assert world.outside.connections == 0


async def test_a_named_model_is_for_that_model_alone(world):
    world.onprem.script(Reply(status=500))
    with pytest.raises(ModelFailure):
        await world.ask("hello", model="onprem")
    assert world.outside.connections == 0


async def test_a_forbidden_named_model_is_refused_with_its_reason(world):
    with pytest.raises(Forbidden) as caught:
        await world.ask("x", model="outside", data_class=DataClass.CONFIDENTIAL)
    assert "confidential data" in str(caught.value)
    assert (await world.record(caught.value.decision_id)).status == "refused"


async def test_naming_a_model_does_not_get_round_the_person(world):
    with pytest.raises(PersonRequired, match="high impact") as caught:
        await world.ask("x", model="onprem", workflow="advice")
    assert caught.value.status == 403
    assert world.onprem.connections == 0


async def test_an_unknown_name_is_answered_with_the_nearest(world):
    with pytest.raises(NotFound, match="onprem"):
        await world.ask("x", model="onprm")
    with pytest.raises(NotFound, match="triage"):
        await world.ask("x", workflow="trige")


async def test_an_unknown_key_leaves_no_decision(world):
    with pytest.raises(NotAuthenticated) as caught:
        await world.ask("x", caller="befit_nothing")
    assert caught.value.decision_id is None


async def test_a_money_budget_holds_over_many_requests(world, tmp_path: Path, open_world):
    extra = 'budgets: {workflows: {triage: {usd: "0.02", period: total}}}\n'
    (tmp_path / "b").mkdir()
    async with open_world(tmp_path / "b", extra=extra) as small:
        # All are under way at once, so that all reservations stand beside each other.
        small.onprem.script(*[Reply(text="green", delay_s=0.3)] * 60)
        outcomes = await asyncio.gather(
            *(small.ask("hello", workflow="triage") for _ in range(60)), return_exceptions=True
        )
        refused = [one for one in outcomes if isinstance(one, BudgetExhausted)]
        answered = [one for one in outcomes if not isinstance(one, BaseException)]
        assert len(refused) + len(answered) == len(outcomes)
        assert refused
        assert (
            sum(one.cost_usd for one in answered)
            <= small.platform.settings.budgets.workflows["triage"].usd
        )


async def test_explaining_calls_no_model_and_names_every_candidate(world):
    plan = await world.platform.orchestrator.explain(world.arrival("x", workflow="triage"))
    assert plan.route == ("onprem", "outside")
    assert {item.card.name for item in plan.candidates} == {"onprem", "outside"}
    assert world.onprem.connections == world.outside.connections == 0
    record = await world.record(plan.standing.decision_id)
    assert record.status == "explained"


async def test_the_general_assistant_says_that_it_is_unproven(world):
    answer = await world.ask("hello", workflow="assistant")
    assert answer.standing.evidence is Evidence.NONE
    assert "unproven" in answer.completion.text
    assert "befit models add" in answer.completion.text


async def test_every_kind_of_end_is_one_closed_decision(world):
    world.onprem.script(Reply(text="green"), Reply(status=500), Reply(text="blue"))
    for workflow in ("triage", "triage", "triage", "nowhere"):
        try:
            await world.ask("x", workflow=workflow)
        except BefitError as error:
            assert error.decision_id is not None
    await world.platform.projector.caught_up()
    still_open = await world.platform.stores.decisions.open_decisions()
    assert all(item.is_waiting for item in still_open)
    assert await world.platform.stores.decisions.unsettled() == ()


async def test_a_checked_workflow_gives_one_answer_not_several(world):
    body = {
        "model": "workflow:triage",
        "messages": [{"role": "user", "content": "x"}],
        "n": 2,
    }
    arrival = Arrival(
        caller=local_administrator(), request=ChatRequest.from_json(msgspec.json.encode(body))
    )
    with pytest.raises(InvalidRequest, match="one checked answer"):
        await world.platform.orchestrator.handle(arrival)
    assert world.onprem.connections == 0
