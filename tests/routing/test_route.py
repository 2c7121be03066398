"""The route: hard constraints first, then the smallest model that is proven or fits the task."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

from befit.catalog import (
    AnswerMode,
    Breadth,
    Capability,
    Evaluation,
    Knowledge,
    ModelCard,
    Price,
    Requirements,
    TaskProfile,
    Via,
    Workflow,
    card_version,
)
from befit.routing import (
    WRITE,
    EvidenceBook,
    Gate,
    Limits,
    Needs,
    choose_route,
    exclude,
    matched_by_meaning,
    profile_of,
)
from befit.vocabulary import Evidence, SizeClass, Zone

_SMALL = ModelCard(
    name="small",
    family="f",
    size=SizeClass.SMALL,
    via=Via.EMBEDDED,
    zone=Zone.DEVICE,
    parameters_billion=Decimal("0.1"),
    context_window=1000,
)
_LARGE = ModelCard(
    name="large",
    family="f",
    size=SizeClass.LARGE,
    via=Via.OPENAI,
    zone=Zone.EXTERNAL,
    parameters_billion=Decimal(70),
    able=frozenset({"plan"}),
)
_CHAT = frozenset({Capability.CHAT})
_BROAD = Workflow(name="plan", version="sha256:1", profile=TaskProfile(breadth=Breadth.BROAD))
_LABELS = Workflow(name="triage", version="sha256:2", labels=("a", "b"))


def _evaluation(workflow: Workflow, card: ModelCard, score: float, p95_ms: float = 5) -> Evaluation:
    return Evaluation(
        tenant="default",
        workflow=workflow.name,
        workflow_version=workflow.version,
        model=card.name,
        model_version=card_version(card),
        n=200,
        score=score,
        lo=score - 0.04,
        hi=score + 0.04,
        p95_ms=p95_ms,
        cost_usd_per_1000=Decimal(0),
        cases_sha256="sha256:c",
        metric="label",
        at=datetime(2026, 1, 1, tzinfo=UTC).timestamp(),
    )


def _limits(**changes: object) -> Limits:
    limits = Limits(
        cost_ceiling_usd=None,
        under_budget=False,
        most_cost_usd=lambda _card: None,
        ill_reason=lambda _name: None,
    )
    return replace(limits, **changes)


def test_a_broad_task_goes_large_first_and_a_narrow_one_small_first():
    book = EvidenceBook()
    assert choose_route([_SMALL, _LARGE], _BROAD, book).names == ("large", "small")
    assert choose_route([_SMALL, _LARGE], _LABELS, book).names == ("small", "large")


def test_a_model_measured_good_enough_leads_even_on_a_broad_task():
    book = EvidenceBook([_evaluation(_BROAD, _SMALL, 0.95)])
    route = choose_route([_SMALL, _LARGE], _BROAD, book)
    assert route.names == ("small", "large")
    assert "measured good enough" in route.why


def test_the_declared_order_holds_and_the_person_stays_last():
    workflow = replace(_LABELS, models=("large", "small", "person"))
    route = choose_route([_SMALL, _LARGE], workflow, EvidenceBook())
    assert route.names == ("large", "small", "person")


def test_a_measured_score_below_the_bar_keeps_a_model_out():
    workflow = replace(_LABELS, requirements=Requirements(quality_bar=0.9))
    book = EvidenceBook([_evaluation(workflow, _SMALL, 0.8)])
    assert "below the workflow's bar" in (book.shortfall(_SMALL, workflow) or "")
    assert book.evidence(_SMALL, workflow) is Evidence.NONE


def test_a_measurement_of_another_version_proves_nothing():
    book = EvidenceBook([_evaluation(_LABELS, _SMALL, 0.99)])
    changed = replace(_LABELS, version="sha256:3")
    assert book.evidence(_SMALL, _LABELS) is Evidence.EVALUATION
    assert book.evidence(_SMALL, changed) is Evidence.NONE
    assert book.evidence(replace(_SMALL, weights="other"), _LABELS) is Evidence.NONE


def test_a_measured_p95_above_the_limit_keeps_a_model_out():
    workflow = replace(_LABELS, requirements=Requirements(p95_latency_ms=100))
    book = EvidenceBook([_evaluation(workflow, _SMALL, 0.9, p95_ms=250)])
    assert "p95" in (book.shortfall(_SMALL, workflow) or "")


def test_an_ability_the_workflow_wants_must_be_declared():
    workflow = replace(_BROAD, requirements=Requirements(able=frozenset({"plan"})))
    book = EvidenceBook()
    assert "able to plan" in (book.shortfall(_SMALL, workflow) or "")
    assert book.shortfall(_LARGE, workflow) is None
    assert book.evidence(_LARGE, workflow) is Evidence.DECLARED


def test_a_missing_capability_and_a_short_window_exclude():
    needs = Needs(serves=_CHAT, capabilities=frozenset({Capability.TOOLS}), input_bytes=10)
    assert exclude(_SMALL, needs, _limits()) == (Gate.CAPABILITY, "it cannot do tools")
    long = Needs(serves=_CHAT, input_bytes=8000)
    excluded = exclude(_SMALL, long, _limits())
    assert excluded is not None
    assert excluded[0] is Gate.CONTEXT
    assert "2,000 tokens" in excluded[1]
    assert "1,000" in excluded[1]


def test_an_unknown_price_is_out_only_under_a_money_budget():
    needs = Needs(serves=_CHAT, input_bytes=10)
    assert exclude(_LARGE, needs, _limits()) is None
    excluded = exclude(_LARGE, needs, _limits(under_budget=True))
    assert excluded == (Gate.BUDGET, "its price is unknown, and a money budget applies")


def test_a_call_that_can_cost_more_than_the_ceiling_is_out():
    price = Price(
        input_usd_per_million=Decimal(1),
        output_usd_per_million=Decimal(1),
        source="s",
        as_of=date(2026, 1, 1),
    )
    priced = replace(_LARGE, cost=price)
    needs = Needs(serves=_CHAT, input_bytes=10)
    limits = _limits(
        under_budget=True,
        cost_ceiling_usd=Decimal("0.01"),
        most_cost_usd=lambda _card: Decimal("0.02"),
    )
    excluded = exclude(priced, needs, limits)
    assert excluded is not None
    assert excluded[0] is Gate.BUDGET


def test_the_profile_is_derived_from_the_workflows_shape():
    assert profile_of(_LABELS).breadth is Breadth.NARROW
    assert profile_of(Workflow(name="w", version="v")).breadth is Breadth.BROAD
    assert profile_of(None, wants_structure=True).breadth is Breadth.NARROW


def test_who_writes_from_documents_is_declared_able_or_measured_at_the_bar():
    writing = Workflow(name="ask", version="sha256:3", knowledge=Knowledge(mode=AnswerMode.WRITE))
    barred = replace(writing, requirements=Requirements(quality_bar=0.8))
    able = replace(_SMALL, able=frozenset({"write"}))
    nothing = EvidenceBook()
    assert nothing.shortfall(able, writing) is None
    assert "able to write" in (nothing.shortfall(_SMALL, writing) or "")
    good = EvidenceBook([_evaluation(barred, _SMALL, 0.85)])
    assert good.shortfall(_SMALL, barred) is None
    assert good.is_able(_SMALL, WRITE, barred)
    assert not good.is_able(_SMALL, WRITE, None)
    poor = EvidenceBook([_evaluation(barred, _SMALL, 0.75)])
    assert poor.shortfall(_SMALL, barred) is not None
    without_bar = EvidenceBook([_evaluation(writing, _SMALL, 0.95)])
    assert "able to write" in (without_bar.shortfall(_SMALL, writing) or "")


def test_who_quotes_needs_no_ability():
    quoting = Workflow(name="ask", version="sha256:4", knowledge=Knowledge())
    assert EvidenceBook().shortfall(_SMALL, quoting) is None


def test_a_workflow_that_is_told_its_collection_takes_no_part_in_auto():
    told = Workflow(name="ask", version="1", description="Ask.", knowledge=Knowledge())
    fixed = replace(told, name="fixed", knowledge=Knowledge(collections=("handbook",)))
    assert matched_by_meaning([told, fixed], "assistant") == (fixed,)
