"""Running candidates over cases and scoring what they answer.

    evaluation = await evaluate(cases, candidates, answer, labels=frozenset(workflow.labels))

How a case is answered is the caller's: `answer(case, model)` goes through the real
orchestrator, so permits, budgets and the ledger hold here as anywhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from befit.errors import InvalidRequest
from befit.evaluation.outcome import Outcome, OutcomeStatus
from befit.evaluation.scorers import metric_name, score_of
from befit.statistics import Interval, p95, summarise_scores
from befit.vocabulary import Case, Progress, SizeClass, silent

Answer = Callable[[Case, str], Awaitable[Outcome]]
"""Answers one case with one model, by name. A failed call is an outcome, not an error."""

_CONCURRENCY = 4
_SHOWN_ERRORS = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A model under evaluation and its size, for "the smallest that will do".

    `parameters_billion` is None where unknown, which counts as larger than any known
    size of the same class; specialists are given their embedder's.
    """

    model: str
    size: SizeClass
    parameters_billion: Decimal | None = None

    @property
    def smallness(self) -> tuple[bool, bool, Decimal, str]:
        """Sorts candidates smallest first; names decide between equals."""
        billions = self.parameters_billion
        unknown = billions is None
        return (self.size is SizeClass.LARGE, unknown, billions or Decimal(0), self.model)


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluationRow:
    """How one model did.

    Attributes:
        n: cases scored; failed calls are among them and count as wrong.
        p95_ms: of the calls that did not fail; None where all failed.
        cost_usd_per_1000: None where the cost of any answer is unknown.
        failed: how many calls failed.
        abstained: how many cases it said are out of its scope.
        errors: the first few distinct failures.
    """

    model: str
    n: int
    score: float
    interval: Interval
    p95_ms: float | None
    cost_usd_per_1000: Decimal | None
    failed: int = 0
    abstained: int = 0
    errors: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Baselines:
    """What the rows are to be compared with, over the same cases.

    Attributes:
        best_single: the row with the highest score.
        random: the mean over models: a model drawn for each case.
        oracle: the best model of each case in hindsight; no router can do better.
    """

    best_single: EvaluationRow
    random: float
    random_interval: Interval
    oracle: float
    oracle_interval: Interval


@dataclass(frozen=True, kw_only=True, slots=True)
class CaseEvaluation:
    """One evaluation: rows smallest model first, baselines, and every single score."""

    metric: str
    rows: tuple[EvaluationRow, ...]
    baselines: Baselines
    scores: Mapping[str, tuple[float, ...]]
    outcomes: Mapping[str, tuple[Outcome, ...]]


async def evaluate(
    cases: Sequence[Case],
    candidates: Sequence[Candidate],
    answer: Answer,
    *,
    labels: frozenset[str] = frozenset(),
    concurrency: int = _CONCURRENCY,
    progress: Progress = silent,
) -> CaseEvaluation:
    """Run every candidate over every case and summarise.

    Models run one after the other, so that none slows another's latency down; cases of
    one model run `concurrency` at a time.

    Raises:
        InvalidRequest: no cases, no candidates, or a case without an expected answer.
        BefitError: the first that `answer` raises; the other calls are cancelled.
    """
    ordered = _checked(cases, candidates)
    outcomes: dict[str, tuple[Outcome, ...]] = {}
    for candidate in ordered:
        outcomes[candidate.model] = await _run(
            cases, candidate.model, answer, concurrency=concurrency, progress=progress
        )
    return summarise(cases, ordered, outcomes, labels=labels)


def summarise(
    cases: Sequence[Case],
    candidates: Sequence[Candidate],
    outcomes: Mapping[str, Sequence[Outcome]],
    *,
    labels: frozenset[str] = frozenset(),
) -> CaseEvaluation:
    """Score outcomes that are already there, one for each case in the cases' order.

    Raises:
        InvalidRequest: no cases, no candidates, or a case without an expected answer.
    """
    ordered = _checked(cases, candidates)
    scores = {
        candidate.model: tuple(
            score_of(case, outcome, labels)
            for case, outcome in zip(cases, outcomes[candidate.model], strict=True)
        )
        for candidate in ordered
    }
    rows = tuple(
        _row(candidate.model, scores[candidate.model], outcomes[candidate.model])
        for candidate in ordered
    )
    return CaseEvaluation(
        metric=metric_name(labels, tuple(cases)),
        rows=rows,
        baselines=_baselines(rows, scores),
        scores=scores,
        outcomes={model: tuple(found) for model, found in outcomes.items()},
    )


def _checked(cases: Sequence[Case], candidates: Sequence[Candidate]) -> list[Candidate]:
    if not cases:
        raise InvalidRequest("there are no cases to evaluate on")
    if not candidates:
        raise InvalidRequest("there are no models to evaluate", next_step="name some: --models A,B")
    unlabelled = next((case for case in cases if case.expected is None), None)
    if unlabelled is not None:
        raise InvalidRequest(
            f"case {unlabelled.id!r} has no `expected` answer",
            next_step="add it, or use `befit predict`, which needs none",
        )
    return sorted(candidates, key=lambda candidate: candidate.smallness)


async def _run(
    cases: Sequence[Case], model: str, answer: Answer, *, concurrency: int, progress: Progress
) -> tuple[Outcome, ...]:
    found: dict[int, Outcome] = {}
    waiting = iter(enumerate(cases))

    async def work() -> None:
        # Workers share one iterator, so memory holds no task a case.
        for index, case in waiting:
            found[index] = await answer(case, model)
            progress(model, len(found), len(cases))

    progress(model, 0, len(cases))
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(max(1, min(concurrency, len(cases)))):
                group.create_task(work())
    except ExceptionGroup as failures:
        # The first failure stopped the other workers; it alone tells the caller why.
        raise failures.exceptions[0] from None
    return tuple(found[index] for index in range(len(cases)))


def _row(model: str, scores: Sequence[float], outcomes: Sequence[Outcome]) -> EvaluationRow:
    summary = summarise_scores(scores)
    completed = [found for found in outcomes if found.status is not OutcomeStatus.FAILED]
    latency = p95([found.latency_ms for found in completed])
    costs = [found.cost_usd for found in completed]
    known = [cost for cost in costs if cost is not None]
    is_known = bool(known) and len(known) == len(costs)
    errors = dict.fromkeys(found.error for found in outcomes if found.error)
    return EvaluationRow(
        model=model,
        n=summary.n,
        score=summary.mean,
        interval=summary.interval,
        p95_ms=latency.value if latency else None,
        cost_usd_per_1000=sum(known, Decimal(0)) * 1000 / len(known) if is_known else None,
        failed=len(outcomes) - len(completed),
        abstained=sum(found.status is OutcomeStatus.ABSTAINED for found in outcomes),
        errors=tuple(error for error in errors if error)[:_SHOWN_ERRORS],
    )


def _baselines(rows: Sequence[EvaluationRow], scores: Mapping[str, Sequence[float]]) -> Baselines:
    by_case = list(zip(*(scores[row.model] for row in rows), strict=True))
    drawn = [sum(of_case) / len(of_case) for of_case in by_case]
    random_summary = summarise_scores(drawn)
    oracle = summarise_scores([max(of_case) for of_case in by_case])
    return Baselines(
        best_single=max(rows, key=lambda row: row.score),
        random=random_summary.mean,
        random_interval=random_summary.interval,
        oracle=oracle.mean,
        oracle_interval=oracle.interval,
    )
