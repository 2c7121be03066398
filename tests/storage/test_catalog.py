from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from befit.catalog import Evaluation, EvaluationStore, WorkflowVersionStore
from befit.storage import Database, SqlEvaluationStore, SqlWorkflowVersionStore

EVALUATION = Evaluation(
    tenant="default",
    workflow="triage",
    workflow_version="sha256:aa",
    model="small",
    model_version="sha256:cc",
    n=200,
    score=0.925,
    lo=0.88,
    hi=0.955,
    p95_ms=12.5,
    cost_usd_per_1000=Decimal("0.125"),
    cases_sha256="sha256:dd",
    metric="label",
    at=100.5,
)


@pytest.fixture
def evaluations(database: Database) -> EvaluationStore:
    return SqlEvaluationStore(database)


@pytest.fixture
def versions(database: Database) -> WorkflowVersionStore:
    return SqlWorkflowVersionStore(database)


@pytest.mark.parametrize("cost", [Decimal("0.125"), Decimal(0), None])
async def test_a_measurement_comes_back_as_it_was_made(
    evaluations: EvaluationStore, cost: Decimal | None
) -> None:
    made = replace(EVALUATION, cost_usd_per_1000=cost)
    await evaluations.add(made)
    assert await evaluations.latest("default", "triage") == (made,)


async def test_the_newest_measurement_of_each_version_is_told_by_model_and_time(
    evaluations: EvaluationStore,
) -> None:
    newest = replace(EVALUATION, at=300.0, score=0.5, workflow_version="sha256:bb")
    other = replace(EVALUATION, model="large", at=50.0)
    same_time = replace(newest, n=7)
    later = replace(EVALUATION, at=200.0)
    for each in (EVALUATION, newest, later, other, same_time):
        await evaluations.add(each)
    assert await evaluations.latest("default", "triage") == (other, later, same_time)


async def test_a_model_that_is_rolled_back_has_the_measurement_it_had(
    evaluations: EvaluationStore,
) -> None:
    former = replace(EVALUATION, at=10.0)
    await evaluations.add(former)
    await evaluations.add(replace(EVALUATION, at=20.0, model_version="sha256:ee"))
    assert former in await evaluations.latest("default", "triage")


async def test_measurements_of_others_are_not_told(evaluations: EvaluationStore) -> None:
    await evaluations.add(replace(EVALUATION, tenant="other"))
    await evaluations.add(replace(EVALUATION, workflow="else"))
    assert await evaluations.latest("default", "triage") == ()


async def test_a_kept_version_never_changes(
    versions: WorkflowVersionStore, another: Callable[[], Database]
) -> None:
    await versions.keep("default", "triage", "sha256:aa", "name: triage")
    await versions.keep("default", "triage", "sha256:aa", "something else")
    reopened = SqlWorkflowVersionStore(another())
    assert await reopened.get("default", "triage", "sha256:aa") == "name: triage"


async def test_an_unknown_version_is_none(versions: WorkflowVersionStore) -> None:
    await versions.keep("default", "triage", "sha256:aa", "x")
    for tenant, name, version in (
        ("other", "triage", "sha256:aa"),
        ("default", "else", "sha256:aa"),
        ("default", "triage", "sha256:bb"),
    ):
        assert await versions.get(tenant, name, version) is None
