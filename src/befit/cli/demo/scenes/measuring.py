"""Measuring by the operation behind `befit evaluate`: all models, one bulk decision."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import msgspec

from befit.cli.demo.company import (
    GENERAL,
    SPECIALIST,
    TICKETS,
    declared_for_measuring,
    held_out_path,
)
from befit.cli.demo.documents import MeasuredDocument
from befit.cli.demo.screen import Screen
from befit.cli.demo.stage import Stage
from befit.cli.output import milliseconds, money, one_line

NOT_MEASURED = "not measured"
_HEADINGS = ("model", "right\n95% interval", "n", "p95", "USD per\n1000")


class _Row(msgspec.Struct):
    model: str
    n: int
    score: float
    interval: tuple[float, float]
    p95_ms: float | None
    cost_usd_per_1000: float | None
    failed: int


class _Verdict(msgspec.Struct):
    sentence: str


class _Evaluated(msgspec.Struct):
    """What is told of the operation's document."""

    decision_id: str
    rows: tuple[_Row, ...]
    verdict: _Verdict
    excluded: dict[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Measurement:
    """What each model was measured at, under one decision."""

    decision_id: str
    large: MeasuredDocument
    general: MeasuredDocument
    specialist: MeasuredDocument
    verdict: str


async def measure(stage: Stage, screen: Screen) -> Measurement:
    """Run every model over the held-out tickets and show them side by side."""
    large = stage.plan.large
    declared = declared_for_measuring(large)
    if declared is not None and large is not None:
        screen.say(
            f"{large.name} is external, and the tickets are internal. They are invented, so for "
            f"this measurement alone they are declared {declared.word}."
        )
    names = [SPECIALIST, GENERAL, *([large.name] if large else [])]
    params = {
        "workflow": TICKETS,
        "cases": str(held_out_path(stage.workspace)),
        "models": names,
        "data_class": declared.word if declared is not None else None,
    }
    with screen.progress("measuring") as progress:
        document = await stage.perform("evaluate", params, progress)
    evaluated = msgspec.convert(document, _Evaluated)
    measurement = Measurement(
        decision_id=evaluated.decision_id,
        large=_large(evaluated, large.name if large else None),
        general=_measured(evaluated, GENERAL),
        specialist=_measured(evaluated, SPECIALIST),
        verdict=evaluated.verdict.sentence,
    )
    _show(screen, measurement)
    return measurement


def _large(evaluated: _Evaluated, name: str | None) -> MeasuredDocument:
    if name is None:
        reason = "none was configured; befit demo --large NAME measures yours"
        return MeasuredDocument(model=None, measured=False, reason=reason)
    return _measured(evaluated, name)


def _measured(evaluated: _Evaluated, model: str) -> MeasuredDocument:
    for row in evaluated.rows:
        if row.model == model:
            cost = row.cost_usd_per_1000
            return MeasuredDocument(
                model=model,
                measured=True,
                n=row.n,
                score=row.score,
                interval=row.interval,
                p95_ms=row.p95_ms,
                cost_usd_per_1000=None if cost is None else Decimal(str(cost)),
                failed=row.failed,
            )
    return MeasuredDocument(
        model=model, measured=False, reason=evaluated.excluded.get(model, NOT_MEASURED)
    )


def _show(screen: Screen, measurement: Measurement) -> None:
    named = (
        ("the specialist", measurement.specialist),
        ("the general model", measurement.general),
        ("the large model", measurement.large),
    )
    screen.table(_HEADINGS, [_cells(name, measured) for name, measured in named], strong=0)
    for name, measured in named:
        if measured.reason:
            screen.say(f"{name}: {NOT_MEASURED}: {one_line(measured.reason)}")
        if measured.failed:
            screen.say(f"{name}: {measured.failed} calls failed and count as wrong")
    screen.gap()
    screen.say(f"befit evaluate: {measurement.verdict}.")
    screen.say(f"decision {measurement.decision_id}", style="dim")


def _cells(name: str, measured: MeasuredDocument) -> tuple[str, ...]:
    title = f"{name}\n{measured.model or ''}"
    if measured.score is None or measured.interval is None:
        return (title, NOT_MEASURED, "", "", "")
    low, high = measured.interval
    cost = measured.cost_usd_per_1000
    return (
        title,
        f"{measured.score:.1%}\n[{low:.1%}, {high:.1%}]",
        str(measured.n),
        milliseconds(measured.p95_ms),
        money(cost).removesuffix(" USD"),
    )
