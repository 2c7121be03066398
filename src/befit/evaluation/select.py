"""Selecting the smallest model that meets a workflow's requirements, with reasons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from befit.catalog import Requirements
from befit.evaluation.evaluate import EvaluationRow

_NO_BAR = "the workflow states no quality bar"


class Certainty(StrEnum):
    """How surely a row meets the quality bar."""

    CONFIRMED = "confirmed"  # the whole interval lies at or above the bar
    MEASURED = "measured"  # the score does, the lower end of its interval does not


@dataclass(frozen=True, kw_only=True, slots=True)
class Judgement:
    """Whether one model will do, and why (not)."""

    model: str
    meets: bool
    certainty: Certainty | None
    reasons: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """The smallest model that will do; `model` is None where none does.

    Attributes:
        bar: the workflow's quality bar; None where it states none.
        sentence: the verdict in words, for people.
    """

    model: str | None
    bar: float | None
    certainty: Certainty | None
    sentence: str
    judgements: tuple[Judgement, ...]


def select(rows: Sequence[EvaluationRow], requirements: Requirements) -> Verdict:
    """Choose among rows that stand smallest model first.

    A model meets the bar when its score does; whether the lower end of the interval does
    too is said beside it (docs/decisions/0007). Without a quality bar no
    model is named: there is nothing that it would have met.
    """
    judgements = tuple(_judge(row, requirements) for row in rows)
    bar = requirements.quality_bar
    chosen = next((found for found in judgements if found.meets), None)
    if bar is None:
        sentence = f"{_NO_BAR}; set requirements.quality_bar to get a verdict"
        return Verdict(
            model=None, bar=None, certainty=None, sentence=sentence, judgements=judgements
        )
    if chosen is None:
        sentence = f"no model meets the bar of {bar:.2f}" + _shortfall(judgements)
        return Verdict(
            model=None, bar=bar, certainty=None, sentence=sentence, judgements=judgements
        )
    sure = chosen.certainty is Certainty.CONFIRMED
    row = next(row for row in rows if row.model == chosen.model)
    beside = "and so does" if sure else "but not"
    sentence = (
        f"{chosen.model} is the smallest model that meets the bar of {bar:.2f}: "
        f"{row.score:.3f} does, {beside} the lower end of its interval, {row.interval.low:.3f}"
    )
    return Verdict(
        model=chosen.model,
        bar=bar,
        certainty=chosen.certainty,
        sentence=sentence,
        judgements=judgements,
    )


def _judge(row: EvaluationRow, requirements: Requirements) -> Judgement:
    bar = requirements.quality_bar
    faults = [*_quality(row, bar), *_latency(row, requirements.p95_latency_ms)]
    faults += _cost(row, requirements.cost_ceiling_usd)
    if bar is None or faults:
        return Judgement(model=row.model, meets=False, certainty=None, reasons=tuple(faults))
    sure = row.interval.low >= bar
    reasons = [f"score {row.score:.3f} of {row.n} meets the bar of {bar:.2f}"]
    if not sure:
        reasons.append(f"the lower end of its interval, {row.interval.low:.3f}, does not")
    return Judgement(
        model=row.model,
        meets=True,
        certainty=Certainty.CONFIRMED if sure else Certainty.MEASURED,
        reasons=tuple(reasons),
    )


def _quality(row: EvaluationRow, bar: float | None) -> list[str]:
    if bar is None:
        return [_NO_BAR]
    if row.score >= bar:
        return []
    fault = f"score {row.score:.3f} lies below the bar of {bar:.2f}"
    return [f"{fault}; {row.failed} of {row.n} calls failed" if row.failed else fault]


def _latency(row: EvaluationRow, ceiling_ms: int | None) -> list[str]:
    if ceiling_ms is None:
        return []
    if row.p95_ms is None:
        return ["no call succeeded, so its latency is not measured"]
    if row.p95_ms <= ceiling_ms:
        return []
    return [f"p95 of {row.p95_ms:.0f} ms exceeds {ceiling_ms} ms"]


def _cost(row: EvaluationRow, ceiling_usd: Decimal | None) -> list[str]:
    if ceiling_usd is None:
        return []
    if row.cost_usd_per_1000 is None:
        return ["its cost is unknown, and the workflow has a cost ceiling"]
    mean = row.cost_usd_per_1000 / 1000
    if mean <= ceiling_usd:
        return []
    return [f"mean cost of {mean:f} USD an answer exceeds {ceiling_usd:f}"]


def _shortfall(judgements: Sequence[Judgement]) -> str:
    said = "; ".join(f"{found.model}: {', '.join(found.reasons)}" for found in judgements[:4])
    return f" ({said})" if said else ""
