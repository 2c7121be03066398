from __future__ import annotations

import math

import hypothesis.strategies as st
import pytest
from hypothesis import given

from befit.evaluation import RankingScorer, ndcg, recall

NAMES = [f"d{number}" for number in range(12)]


def test_recall_is_the_share_of_what_is_relevant_among_the_first() -> None:
    assert recall(["a", "x", "b"], {"a": 1, "b": 2, "c": 0}, at=2) == 0.5
    assert recall(["a", "x", "b"], {"a": 1, "b": 2}, at=5) == 1.0
    assert recall([], {"a": 1}, at=5) == 0.0


def test_ndcg_discounts_by_place_and_weighs_by_grade() -> None:
    relevant = {"a": 3, "b": 1}
    assert ndcg(["a", "b"], relevant, at=10) == 1.0
    swapped = (1 + 3 / math.log2(3)) / (3 + 1 / math.log2(3))
    assert ndcg(["b", "a"], relevant, at=10) == pytest.approx(swapped)
    assert ndcg(["x", "y"], relevant, at=10) == 0.0


@given(
    st.permutations(NAMES),
    st.dictionaries(st.sampled_from(NAMES), st.integers(1, 4), min_size=1),
)
def test_scores_lie_between_nothing_and_the_best_ranking(
    ranking: list[str], relevant: dict[str, int]
) -> None:
    best = sorted(NAMES, key=lambda name: -relevant.get(name, 0))
    assert ndcg(best, relevant, at=10) == 1.0
    assert 0.0 <= ndcg(ranking, relevant, at=10) <= 1.0
    assert 0.0 <= recall(ranking, relevant, at=5) <= recall(ranking, relevant, at=12) == 1.0


def test_a_document_counts_once_by_its_best_passage() -> None:
    scorer = RankingScorer()
    scorer.add(["a", "a", "a", "a", "a", "b"], {"b": 1})
    scores = scorer.scores()
    assert scores is not None
    assert scores.recall.mean == 1.0
    assert scores.ndcg.mean == pytest.approx(1 / math.log2(3))


def test_queries_that_nobody_judged_are_no_part_of_the_figures() -> None:
    scorer = RankingScorer()
    scorer.add(["a"], {})
    scorer.add(["a"], {"a": 0})
    assert scorer.scores() is None
    scorer.add(["a"], {"a": 1})
    scorer.add(["a"], {"b": 1})
    scores = scorer.scores()
    assert scores is not None
    assert (scores.recall.n, scores.recall.mean) == (2, 0.5)
    assert 0.0 <= scores.recall.interval.low < 0.5 < scores.recall.interval.high <= 1.0
