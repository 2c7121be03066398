"""The report of an evaluation: JSON for machines, a table for people."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from befit.evaluation.evaluate import CaseEvaluation, EvaluationRow
from befit.evaluation.select import Verdict
from befit.statistics import Interval

_HEADINGS = ("model", "score", "95% interval", "n", "p95 ms", "USD per 1000", "failed", "verdict")


class RowDocument(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the contract, and beside it what failed."""

    model: str
    n: int
    score: float
    interval: tuple[float, float]
    p95_ms: float | None
    cost_usd_per_1000: float | None
    failed: int
    abstained: int
    errors: tuple[str, ...]
    meets: bool
    reasons: tuple[str, ...]


class BestSingleDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The best single model of the rows."""

    model: str
    score: float
    interval: tuple[float, float]
    cost_usd_per_1000: float | None


class BaselineDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A baseline over the same cases."""

    score: float
    interval: tuple[float, float]


class VerdictDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict in JSON; `model` is null where no model meets the bar."""

    model: str | None
    bar: float | None
    certainty: str | None
    sentence: str


class EvaluationDocument(msgspec.Struct, frozen=True, kw_only=True):
    """What `befit evaluate --json` prints."""

    workflow: str
    metric: str
    cases_sha256: str
    rows: tuple[RowDocument, ...]
    best_single: BestSingleDocument
    random: BaselineDocument
    oracle: BaselineDocument
    verdict: VerdictDocument


def evaluation_document(
    workflow: str, evaluation: CaseEvaluation, verdict: Verdict, *, cases_sha256: str
) -> EvaluationDocument:
    """The evaluation as `befit evaluate --json` prints it."""
    baselines = evaluation.baselines
    best = baselines.best_single
    judged = {found.model: found for found in verdict.judgements}
    return EvaluationDocument(
        workflow=workflow,
        metric=evaluation.metric,
        cases_sha256=cases_sha256,
        rows=tuple(
            RowDocument(
                model=row.model,
                n=row.n,
                score=row.score,
                interval=row.interval.as_pair(),
                p95_ms=row.p95_ms,
                cost_usd_per_1000=_plain_cost(row),
                failed=row.failed,
                abstained=row.abstained,
                errors=row.errors,
                meets=judged[row.model].meets,
                reasons=judged[row.model].reasons,
            )
            for row in evaluation.rows
        ),
        best_single=BestSingleDocument(
            model=best.model,
            score=best.score,
            interval=best.interval.as_pair(),
            cost_usd_per_1000=_plain_cost(best),
        ),
        random=_baseline(baselines.random, baselines.random_interval),
        oracle=_baseline(baselines.oracle, baselines.oracle_interval),
        verdict=VerdictDocument(
            model=verdict.model,
            bar=verdict.bar,
            certainty=verdict.certainty.value if verdict.certainty else None,
            sentence=verdict.sentence,
        ),
    )


def print_evaluation(document: EvaluationDocument, console: Console) -> None:
    """Print the table, the baselines and the verdict: drawn on a terminal, plain in a pipe."""
    lines = [
        (*_cells(row), "meets the bar" if row.meets else row.reasons[0]) for row in document.rows
    ]
    if console.is_terminal:
        console.print(_drawn(lines))
    else:
        console.print(_plain(lines), markup=False, highlight=False, soft_wrap=True)
    failures = [
        f"{row.model}: {row.failed} of {row.n} calls failed and count as wrong: "
        + "; ".join(row.errors)
        for row in document.rows
        if row.failed
    ]
    for line in (_baseline_line(document), *failures, document.verdict.sentence):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _cells(row: RowDocument) -> tuple[str, ...]:
    cost = row.cost_usd_per_1000
    return (
        row.model,
        f"{row.score:.3f}",
        _interval(row.interval),
        str(row.n),
        "not measured" if row.p95_ms is None else f"{row.p95_ms:.0f}",
        "unknown" if cost is None else f"{cost:.4f}",
        str(row.failed),
    )


def _drawn(lines: Sequence[tuple[str, ...]]) -> Table:
    table = Table(box=None, header_style="bold")
    for index, heading in enumerate(_HEADINGS):
        is_number = 0 < index < len(_HEADINGS) - 1
        table.add_column(heading, justify="right" if is_number else "left", no_wrap=is_number)
    for line in lines:
        table.add_row(*map(Text, line))
    return table


def _plain(lines: Sequence[tuple[str, ...]]) -> str:
    every = [_HEADINGS, *lines]
    widths = [max(len(line[column]) for line in every) for column in range(len(_HEADINGS))]
    padded = (
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        for line in every
    )
    return "\n".join(line.rstrip() for line in padded)


def _baseline_line(document: EvaluationDocument) -> str:
    best, drawn, oracle = document.best_single, document.random, document.oracle
    return (
        f"best single {best.model} {best.score:.3f} {_interval(best.interval)} · "
        f"random {drawn.score:.3f} {_interval(drawn.interval)} · "
        f"oracle {oracle.score:.3f} {_interval(oracle.interval)}"
    )


def _baseline(score: float, interval: Interval) -> BaselineDocument:
    return BaselineDocument(score=score, interval=interval.as_pair())


def _plain_cost(row: EvaluationRow) -> float | None:
    return None if row.cost_usd_per_1000 is None else float(row.cost_usd_per_1000)


def _interval(interval: tuple[float, float]) -> str:
    low, high = interval
    return f"[{low:.3f}, {high:.3f}]"
