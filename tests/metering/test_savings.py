from __future__ import annotations

import math
import random
import statistics
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from befit.catalog import ModelCard, Price, Via
from befit.messages import TokenUsage
from befit.metering import Basis, CallCosts, Reference, UsageGroup, UsageRow, saving
from befit.vocabulary import SizeClass, Zone

CARD = ModelCard(
    name="large",
    family="f",
    size=SizeClass.LARGE,
    via=Via.OPENAI,
    zone=Zone.EXTERNAL,
    cost=Price(
        input_usd_per_million=Decimal(2),
        output_usd_per_million=Decimal(8),
        cached_input_usd_per_million=Decimal(1),
        source="a price list",
        as_of=date(2026, 1, 1),
    ),
)
ASSUMED = Reference(card=CARD)
RUN = Reference(card=CARD, basis=Basis.RUN)
ROW = UsageRow(
    calls=12,
    answers=10,
    answer_tokens=TokenUsage(input=1_000_000, cached_input=500_000, output=250_000),
    known_cost_usd=Decimal("1.5"),
    answering_cost_usd=Decimal("1.25"),
)


def costs(*amounts: float, workflow: str | None = None) -> CallCosts:
    deviation = statistics.stdev(amounts) if len(amounts) > 1 else None
    return CallCosts(
        workflow=workflow,
        n=len(amounts),
        mean_usd=statistics.fmean(amounts),
        deviation_usd=deviation,
    )


def test_an_assumed_reference_prices_the_same_tokens_and_is_no_estimate() -> None:
    found = saving(ROW, ASSUMED)
    assert found.saved_usd == Decimal(2) + Decimal(2) - Decimal("1.25")
    assert (found.basis, found.reference, found.n) == ("assumed", "large", 10)
    assert found.interval_usd is None


def test_a_reference_that_was_run_has_its_own_average_cost() -> None:
    found = saving(ROW, RUN, [costs(0.2, 0.3, 0.4)])
    assert found.saved_usd is not None
    assert float(found.saved_usd) == pytest.approx(10 * 0.3 - 1.25)
    assert (found.basis, found.n) == ("run", 3)
    assert found.interval_usd is not None
    lo, hi = found.interval_usd
    margin = 10 * 4.302653 * 0.1 / math.sqrt(3)  # Student's t for 2 degrees of freedom
    assert float(hi - found.saved_usd) == pytest.approx(margin, rel=1e-5)
    assert float(found.saved_usd - lo) == pytest.approx(margin, rel=1e-5)


def test_the_interval_covers_the_true_saving_as_often_as_it_says() -> None:
    draw = random.Random(7)
    covered = 0
    for _ in range(400):
        sample = [max(0.0, draw.gauss(0.3, 0.05)) for _ in range(8)]
        interval = saving(ROW, RUN, [costs(*sample)]).interval_usd
        assert interval is not None
        covered += interval[0] <= Decimal("1.75") <= interval[1]
    assert 0.92 < covered / 400 < 0.98


def test_workflows_are_pooled_as_if_they_were_one_sample() -> None:
    apart = [costs(0.1, 0.2, workflow="a"), costs(0.4, 0.6, 0.7, workflow="b")]
    together, pooled = saving(ROW, RUN, [costs(0.1, 0.2, 0.4, 0.6, 0.7)]), saving(ROW, RUN, apart)
    assert pooled.n == together.n
    assert together.interval_usd is not None
    assert pooled.interval_usd is not None
    for one, other in zip(together.interval_usd, pooled.interval_usd, strict=True):
        assert float(one) == pytest.approx(float(other))


def test_a_row_of_one_workflow_is_compared_within_it() -> None:
    row = replace(ROW, group=UsageGroup(workflow="a"))
    found = saving(row, RUN, [costs(0.1, 0.2, workflow="a"), costs(9.0, 9.9, workflow="b")])
    assert found.saved_usd is not None
    assert float(found.saved_usd) == pytest.approx(10 * 0.15 - 1.25)


@pytest.mark.parametrize(
    "known", [costs(0.2), CallCosts(workflow=None, n=200, mean_usd=0.2, deviation_usd=None)]
)
def test_without_single_costs_there_is_no_interval(known: CallCosts) -> None:
    found = saving(ROW, RUN, [known])
    assert found.saved_usd == Decimal("0.75")
    assert found.n == known.n
    assert found.interval_usd is None


def test_a_dearer_route_is_a_negative_saving() -> None:
    found = saving(replace(ROW, answering_cost_usd=Decimal(9)), ASSUMED)
    assert found.saved_usd == Decimal(-5)


@pytest.mark.parametrize(
    ("row", "reference", "known", "reason"),
    [
        (replace(ROW, answering_cost_usd=None), ASSUMED, [], "no known price"),
        (replace(ROW, answers=0), ASSUMED, [], "nothing was answered"),
        (replace(ROW, answer_tokens=TokenUsage()), ASSUMED, [], "no answer reported"),
        (ROW, Reference(card=replace(CARD, cost=None)), [], "price of large is unknown"),
        (ROW, RUN, [], "large answered nothing"),
    ],
)
def test_what_is_not_known_is_none_with_its_reason(
    row: UsageRow, reference: Reference, known: list[CallCosts], reason: str
) -> None:
    found = saving(row, reference, known)
    assert found.saved_usd is None
    assert found.reason is not None
    assert reason in found.reason
