from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from befit.errors import InvalidRequest
from befit.evaluation import Outcome, OutcomeStatus, metric_name, score_of
from befit.vocabulary import Case

LABELS = frozenset({"card_arrival", "lost_card"})


def said(output: str, status: OutcomeStatus = OutcomeStatus.ANSWERED) -> Outcome:
    return Outcome(status=status, output=output, latency_ms=1.0)


def case(expected: object) -> Case:
    return Case(id="c1", input="text", expected=expected)


@pytest.mark.parametrize(
    ("expected", "output", "score"),
    [
        ("Paris", " paris\n", 1),
        ("Paris", "PARIS", 1),
        ("12 euro", "12\u00a0euro", 1),
        ("Paris", "It is Paris", 0),
        ("Paris", "Paris.", 0),
        (("Paris", "City of Light"), "city  of light", 1),
        ("", "", 1),
    ],
)
def test_texts_match_up_to_case_width_and_spaces(
    expected: object, output: str, score: float
) -> None:
    assert score_of(case(expected), said(output)) == score


@pytest.mark.parametrize(
    ("expected", "output", "score"),
    [
        ("card_arrival", "card_arrival", 1),
        ("card_arrival", '"Card arrival".', 1),
        ("card_arrival", "`card-arrival`", 1),
        ("card_arrival", "lost_card", 0),
        ("card_arrival", "The label is card_arrival", 0),
        (("card_arrival", "lost_card"), "lost card", 1),
        (("card_arrival", "lost_card"), "other", 0),
    ],
)
def test_labels_match_up_to_quotes_and_separators(
    expected: object, output: str, score: float
) -> None:
    assert score_of(case(expected), said(output), LABELS) == score


def test_abstaining_is_right_exactly_where_the_case_is_out_of_scope() -> None:
    abstained = said("", OutcomeStatus.ABSTAINED)
    assert score_of(case("oos"), abstained, LABELS) == 1
    assert score_of(case("card_arrival"), abstained, LABELS) == 0
    assert score_of(case("oos"), said("lost_card"), LABELS) == 0
    assert score_of(case("oos"), said("oos"), LABELS) == 1


@pytest.mark.parametrize(
    ("expected", "output", "score"),
    [
        ({"a": 1, "b": ["x"]}, '{"b": ["x "], "a": 1.0}', 1),
        ({"a": 1}, '{"a": 1, "b": 2}', 0),
        ({"a": 1}, '{"a": true}', 0),
        ({"a": True}, '{"a": true}', 1),
        ({"a": None}, '{"a": null}', 1),
        ({"a": None}, "{}", 0),
        ({"a": [1, 2]}, '{"a": [2, 1]}', 0),
        ({"a": "x"}, 'the answer is {"a": "x"}', 0),
        ({"a": "x"}, "[]", 0),
    ],
)
def test_objects_are_equal_whatever_the_order_of_keys(
    expected: object, output: str, score: float
) -> None:
    assert score_of(case(expected), said(output), LABELS) == score


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), json_values, min_size=1, max_size=4))
def test_an_object_equals_itself_written_as_json(expected: dict[str, object]) -> None:
    assert score_of(case(expected), said(json.dumps(expected))) == 1


@given(st.text(max_size=30), st.text(max_size=30), st.booleans())
def test_scores_are_0_or_1_for_any_text(expected: str, output: str, labelled: bool) -> None:
    labels = LABELS if labelled else frozenset()
    assert score_of(case(expected), said(output), labels) in {0.0, 1.0}
    assert score_of(case(expected), said(expected), labels) == 1.0


@pytest.mark.parametrize("expected", ["right", {"a": 1}, ("right",)])
def test_a_failed_call_is_wrong_whatever_it_carries(expected: object) -> None:
    for output in ("right", '{"a": 1}'):
        assert score_of(case(expected), said(output, OutcomeStatus.FAILED)) == 0


def test_a_case_that_expects_nothing_cannot_be_scored() -> None:
    with pytest.raises(InvalidRequest, match="'c1' has no `expected`"):
        score_of(case(None), said("x"))


def test_the_metric_is_named() -> None:
    one, two = case("x"), case({"a": 1})
    assert metric_name(frozenset(), (one,)) == "exact"
    assert metric_name(LABELS, (one,)) == "label"
    assert metric_name(LABELS, (two,)) == "json"
    assert metric_name(LABELS, (one, two)) == "mixed"
