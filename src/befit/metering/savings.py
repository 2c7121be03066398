"""What was saved against a reference model: one that was run, or one that is assumed.

    saved = answers x (what an answer of the reference costs) - what answering did cost

A reference that was *run* has its average cost from its own answers in the same period
and the same workflows. An *assumed* one has a price list applied to the same tokens.
Neither says anything about quality.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from befit.messages import TokenUsage
from befit.metering.reference import Basis, CallCosts, Reference, Saving
from befit.metering.usage import UsageRow

_CONFIDENCE = 0.95


def saving(row: UsageRow, reference: Reference, costs: Sequence[CallCosts] = ()) -> Saving:
    """What a row of usage saved against the reference.

    Args:
        row: usage of one group.
        reference: the model to compare with.
        costs: what the reference's own answers cost, a workflow each (run only).
    """
    known = Saving(reference=reference.card.name, basis=reference.basis, saved_usd=None, n=0)
    cost_usd = row.answering_cost_usd
    if cost_usd is None:
        return replace(known, reason="an answering call has no known price")
    if not row.answers:
        return replace(known, reason="nothing was answered")
    if reference.basis is Basis.ASSUMED:
        return _assumed(row, cost_usd, reference, known)
    return _run(row, cost_usd, costs, known)


def _assumed(row: UsageRow, cost_usd: Decimal, reference: Reference, known: Saving) -> Saving:
    # The reference's own cache would hit elsewhere, so all input is priced as fresh.
    tokens = replace(row.answer_tokens, cached_input=0)
    if tokens == TokenUsage():
        return replace(known, reason="no answer reported its tokens")
    assumed_usd = reference.card.cost_usd(tokens)
    if assumed_usd is None:
        return replace(known, reason=f"the price of {reference.card.name} is unknown")
    return replace(known, saved_usd=assumed_usd - cost_usd, n=row.answers)


def _run(row: UsageRow, cost_usd: Decimal, costs: Sequence[CallCosts], known: Saving) -> Saving:
    workflow = row.group.workflow
    own = [each for each in costs if workflow is None or each.workflow == workflow]
    pooled = _pooled(own)
    if pooled.n == 0:
        return replace(known, reason=f"{known.reference} answered nothing in this period")
    saved_usd = row.answers * _usd(pooled.mean_usd) - cost_usd
    if pooled.n < 2 or pooled.deviation_usd is None:
        return replace(known, saved_usd=saved_usd, n=pooled.n)
    error = _t_quantile(pooled.n - 1) * pooled.deviation_usd / math.sqrt(pooled.n)
    margin = row.answers * _usd(error)
    return replace(
        known,
        saved_usd=saved_usd,
        n=pooled.n,
        interval_usd=(saved_usd - margin, saved_usd + margin),
    )


def _pooled(costs: Sequence[CallCosts]) -> CallCosts:
    n = sum(each.n for each in costs)
    if n == 0:
        return CallCosts(workflow=None, n=0, mean_usd=0.0, deviation_usd=None)
    mean = sum(each.n * each.mean_usd for each in costs) / n
    squares = 0.0
    for each in costs:
        if each.deviation_usd is None:
            return CallCosts(workflow=None, n=n, mean_usd=mean, deviation_usd=None)
        squares += (each.n - 1) * each.deviation_usd**2 + each.n * (each.mean_usd - mean) ** 2
    deviation = math.sqrt(squares / (n - 1)) if n > 1 else None
    return CallCosts(workflow=None, n=n, mean_usd=mean, deviation_usd=deviation)


def _t_quantile(degrees: int) -> float:
    # SciPy costs 50 ms to import, and only reports need it.
    from scipy.special import stdtrit

    return float(stdtrit(degrees, (1 + _CONFIDENCE) / 2))


def _usd(amount: float) -> Decimal:
    return Decimal(repr(amount))
