from __future__ import annotations

import asyncio
import io
import json
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from befit.catalog import Requirements
from befit.errors import InvalidRequest
from befit.evaluation import (
    Candidate,
    CaseEvaluation,
    Certainty,
    Outcome,
    OutcomeStatus,
    evaluate,
    evaluation_document,
    print_evaluation,
    select,
    summarise,
)
from befit.statistics import wilson
from befit.vocabulary import Case, SizeClass

TINY = Candidate(model="tiny", size=SizeClass.SMALL, parameters_billion=Decimal("0.02"))
MIDDLE = Candidate(model="middle", size=SizeClass.SMALL, parameters_billion=Decimal(3))
UNSIZED = Candidate(model="unsized", size=SizeClass.SMALL)
BIG = Candidate(model="big", size=SizeClass.LARGE, parameters_billion=Decimal(1))
LABELS = frozenset({"a", "b"})


def cases(n: int = 20) -> list[Case]:
    return [Case(id=str(row), input=f"text {row}", expected="a") for row in range(n)]


def outcome(
    right: bool = True,
    *,
    latency_ms: float = 10.0,
    cost_usd: Decimal | None = Decimal("0.001"),
    failed: bool = False,
) -> Outcome:
    if failed:
        return Outcome(status=OutcomeStatus.FAILED, latency_ms=latency_ms, error="model_timeout: x")
    return Outcome(
        status=OutcomeStatus.ANSWERED,
        output="a" if right else "b",
        latency_ms=latency_ms,
        cost_usd=cost_usd,
    )


def measured(n_right: dict[Candidate, int], n: int = 20, **options: object) -> CaseEvaluation:
    outcomes = {
        candidate.model: [outcome(row < right, **options) for row in range(n)]
        for candidate, right in n_right.items()
    }
    return summarise(cases(n), list(n_right), outcomes, labels=LABELS)


async def test_every_model_answers_every_case_once() -> None:
    asked: list[tuple[str, str]] = []

    async def answer(case: Case, model: str) -> Outcome:
        asked.append((case.id, model))
        return outcome(right=model == "big" or int(case.id) % 2 == 0)

    found = await evaluate(cases(), [BIG, TINY], answer, labels=LABELS)
    assert sorted(asked) == sorted(
        (case.id, model) for case in cases() for model in ("big", "tiny")
    )
    assert [(row.model, row.score, row.n) for row in found.rows] == [
        ("tiny", 0.5, 20),
        ("big", 1.0, 20),
    ]
    assert found.rows[0].interval == wilson(10, 20)


async def test_outcomes_stay_with_their_cases_however_they_finish() -> None:
    async def answer(case: Case, model: str) -> Outcome:
        await asyncio.sleep(0.001 * (int(case.id) * 7 % 5))
        return outcome(right=int(case.id) < 5)

    found = await evaluate(cases(12), [TINY], answer, labels=LABELS, concurrency=6)
    assert found.scores["tiny"] == (1.0,) * 5 + (0.0,) * 7


async def test_concurrency_is_bounded_and_models_do_not_disturb_each_other() -> None:
    running: list[str] = []
    most, mixed = 0, False

    async def answer(case: Case, model: str) -> Outcome:
        nonlocal most, mixed
        running.append(model)
        most, mixed = max(most, len(running)), mixed or len(set(running)) > 1
        await asyncio.sleep(0)
        running.remove(model)
        return outcome()

    await evaluate(cases(), [TINY, BIG], answer, concurrency=3)
    assert most == 3
    assert not mixed


async def test_progress_counts_the_cases_of_each_model() -> None:
    told: list[tuple[str, int, int]] = []

    async def answer(case: Case, model: str) -> Outcome:
        return outcome()

    await evaluate(
        cases(3), [TINY], answer, progress=lambda stage, done, of: told.append((stage, done, of))
    )
    assert told == [("tiny", done, 3) for done in range(4)]


async def test_an_error_of_the_caller_stops_the_evaluation() -> None:
    async def answer(case: Case, model: str) -> Outcome:
        raise InvalidRequest("the workspace is gone")

    with pytest.raises(InvalidRequest, match="the workspace is gone"):
        await evaluate(cases(), [TINY], answer)


def test_failed_calls_count_as_wrong_and_are_reported_apart() -> None:
    outcomes = {"tiny": [outcome(), outcome(failed=True, latency_ms=9e9)] * 5}
    row = summarise(cases(10), [TINY], outcomes, labels=LABELS).rows[0]
    assert (row.score, row.n, row.failed) == (0.5, 10, 5)
    assert row.errors == ("model_timeout: x",)
    assert row.p95_ms == 10.0  # of the calls that answered
    assert row.cost_usd_per_1000 == Decimal(1)


def test_cost_is_unknown_as_soon_as_one_answer_has_no_price() -> None:
    outcomes = {"tiny": [outcome()] * 9 + [outcome(cost_usd=None)]}
    assert summarise(cases(10), [TINY], outcomes).rows[0].cost_usd_per_1000 is None


def test_a_model_that_never_answers_has_no_latency_and_no_cost() -> None:
    row = summarise(cases(4), [TINY], {"tiny": [outcome(failed=True)] * 4}).rows[0]
    assert (row.score, row.p95_ms, row.cost_usd_per_1000) == (0.0, None, None)


def test_free_answers_cost_zero_not_unknown() -> None:
    row = measured({TINY: 20}, cost_usd=Decimal(0)).rows[0]
    assert row.cost_usd_per_1000 == 0


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), min_size=1, max_size=50))
def test_random_lies_below_best_single_and_that_below_the_oracle(
    rights: list[tuple[bool, bool, bool]],
) -> None:
    models = (TINY, MIDDLE, BIG)
    outcomes = {
        candidate.model: [outcome(of_case[place]) for of_case in rights]
        for place, candidate in enumerate(models)
    }
    found = summarise(cases(len(rights)), models, outcomes, labels=LABELS).baselines
    assert found.random <= found.best_single.score + 1e-9
    assert found.best_single.score <= found.oracle
    assert found.oracle == sum(map(any, rights)) / len(rights)
    assert found.random in found.random_interval


def test_rows_stand_smallest_model_first() -> None:
    found = measured(dict.fromkeys((BIG, UNSIZED, MIDDLE, TINY), 5))
    assert [row.model for row in found.rows] == ["tiny", "middle", "unsized", "big"]


@pytest.mark.parametrize(
    ("rows", "candidates", "message"),
    [
        ([], [TINY], "no cases"),
        (cases(1), [], "no models"),
        ([Case(id="c9", input="x")], [TINY], "'c9' has no `expected`"),
    ],
)
async def test_what_cannot_be_measured_is_refused_before_any_call(
    rows: list[Case], candidates: list[Candidate], message: str
) -> None:
    async def answer(case: Case, model: str) -> Outcome:
        raise AssertionError("called")

    with pytest.raises(InvalidRequest, match=message):
        await evaluate(rows, candidates, answer)


def test_the_smallest_model_that_meets_the_bar_is_named() -> None:
    found = measured({TINY: 12, MIDDLE: 18, BIG: 20})
    verdict = select(found.rows, Requirements(quality_bar=0.85))
    assert verdict.model == "middle"
    assert "middle is the smallest model that meets the bar of 0.85" in verdict.sentence
    assert [one.meets for one in verdict.judgements] == [False, True, True]


def test_the_verdict_says_whether_the_interval_meets_the_bar_too() -> None:
    few = select(measured({TINY: 18}, n=20).rows, Requirements(quality_bar=0.85))
    many = select(measured({TINY: 1_800}, n=2_000).rows, Requirements(quality_bar=0.85))
    assert few.certainty is Certainty.MEASURED
    assert "but not the lower end of its interval, 0.699" in few.sentence
    assert many.certainty is Certainty.CONFIRMED
    assert "and so does the lower end" in many.sentence


def test_no_model_meets_the_bar_is_an_answer() -> None:
    verdict = select(measured({TINY: 5, BIG: 15}).rows, Requirements(quality_bar=0.9))
    assert verdict.model is None
    assert verdict.sentence.startswith("no model meets the bar of 0.90")
    assert "big: score 0.750 lies below" in verdict.sentence


def test_without_a_bar_no_model_is_named() -> None:
    verdict = select(measured({TINY: 20}).rows, Requirements())
    assert verdict.model is None
    assert "quality_bar" in verdict.sentence


@pytest.mark.parametrize(
    ("requirements", "reason"),
    [
        (Requirements(quality_bar=0.5, p95_latency_ms=5), "p95 of 10 ms exceeds 5 ms"),
        (Requirements(quality_bar=0.5, cost_ceiling_usd=Decimal("0.0005")), "exceeds 0.0005"),
    ],
)
def test_a_model_too_slow_or_too_dear_is_passed_over_with_the_reason(
    requirements: Requirements, reason: str
) -> None:
    verdict = select(measured({TINY: 20}).rows, requirements)
    assert verdict.model is None
    assert reason in verdict.judgements[0].reasons[0]


def test_unknown_cost_does_not_meet_a_ceiling() -> None:
    rows = measured({TINY: 20}, cost_usd=None).rows
    verdict = select(rows, Requirements(quality_bar=0.5, cost_ceiling_usd=Decimal(1)))
    assert "cost is unknown" in verdict.judgements[0].reasons[0]


def printed(found: CaseEvaluation, *, is_terminal: bool) -> str:
    console = Console(file=io.StringIO(), force_terminal=is_terminal, width=140)
    verdict = select(found.rows, Requirements(quality_bar=0.8))
    document = evaluation_document("triage", found, verdict, cases_sha256="sha256:ab")
    print_evaluation(document, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_table_is_plain_when_piped_and_drawn_on_a_terminal() -> None:
    found = measured({TINY: 12, BIG: 20})
    plain, drawn = printed(found, is_terminal=False), printed(found, is_terminal=True)
    assert "\x1b" not in plain
    assert "\x1b" in drawn
    for text in (plain, drawn):
        assert "0.600" in text
        assert "oracle" in text
        assert "big is the smallest model that meets the bar" in text


def test_a_name_that_looks_like_markup_is_printed_as_it_is() -> None:
    odd = Candidate(model="[red]odd", size=SizeClass.SMALL)
    for is_terminal in (False, True):
        assert "[red]odd" in printed(measured({odd: 5}), is_terminal=is_terminal)


def test_failures_and_what_was_not_measured_are_printed() -> None:
    found = summarise(cases(4), [TINY], {"tiny": [outcome(failed=True)] * 4})
    text = printed(found, is_terminal=False)
    assert "not measured" in text
    assert "4 of 4 calls failed and count as wrong: model_timeout: x" in text


def test_the_document_holds_the_contract() -> None:
    found = measured({TINY: 12, BIG: 20}, cost_usd=None)
    verdict = select(found.rows, Requirements(quality_bar=0.8))
    document = evaluation_document("triage", found, verdict, cases_sha256="sha256:ab")
    read = json.loads(msgspec.json.encode(document))
    row = read["rows"][0]
    assert {"model", "n", "score", "interval", "p95_ms", "cost_usd_per_1000"} <= row.keys()
    assert (row["model"], row["n"], row["score"]) == ("tiny", 20, 0.6)
    assert row["interval"] == list(wilson(12, 20).as_pair())
    assert row["cost_usd_per_1000"] is None
    assert read["verdict"]["model"] == read["best_single"]["model"] == "big"
    assert read["random"]["score"] == pytest.approx(0.8)
    assert read["oracle"]["score"] == 1.0
