"""Scorers: how right an outcome is, from 0 to 1, against what its case expects.

A scorer is any `(case, outcome) -> float`; `score_of` picks the one a case calls for.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import cast

import msgspec

from befit.errors import InvalidRequest
from befit.evaluation.outcome import Outcome, OutcomeStatus
from befit.vocabulary import OUT_OF_SCOPE, Case

Scorer = Callable[[Case, Outcome], float]

_SPACE = re.compile(r"\s+")
_QUOTES = "\"'`\u201c\u201d\u2018\u2019"


def exact_match(case: Case, outcome: Outcome) -> float:
    """1 where the answer is one of the expected texts, up to case, width and spaces."""
    return float(_normal(outcome.output) in {_normal(text) for text in _accepted(case)})


def label_match(case: Case, outcome: Outcome) -> float:
    """1 where the answer is one of the acceptable labels.

    Quotes around it and a full stop behind it are forgiven, and `-`, `_` and spaces
    count as one; anything else around the label is not, since the caller would get it.
    An abstention is the label `oos`.
    """
    abstained = outcome.status is OutcomeStatus.ABSTAINED
    said = OUT_OF_SCOPE if abstained else outcome.output
    return float(_label(said) in {_label(text) for text in _accepted(case)})


def json_equality(case: Case, outcome: Outcome) -> float:
    """1 where the answer is JSON equal to the expected object, whatever the order of keys.

    Texts inside are compared without outer spaces; 1 and 1.0 are equal, 1 and true not.
    """
    try:
        found: object = msgspec.json.decode(outcome.output)
    except msgspec.DecodeError:
        return 0.0
    return float(_json_equal(case.expected, found))


def score_of(case: Case, outcome: Outcome, labels: frozenset[str] = frozenset()) -> float:
    """Score by the kind of expectation: an object, a label, or a text.

    A failed call scores 0. `labels` are the workflow's; with any, answers are labels.

    Raises:
        InvalidRequest: the case expects nothing, so nothing can be measured with it.
    """
    if case.expected is None:
        raise InvalidRequest(
            f"case {case.id!r} has no `expected` answer", next_step="add it, or use `predict`"
        )
    if outcome.status is OutcomeStatus.FAILED:
        return 0.0
    return scorer_for(case, labels)(case, outcome)


def scorer_for(case: Case, labels: frozenset[str] = frozenset()) -> Scorer:
    """The scorer that a case's expectation calls for."""
    if isinstance(case.expected, dict):
        return json_equality
    return label_match if labels else exact_match


def metric_name(labels: frozenset[str], cases: tuple[Case, ...]) -> str:
    """The word for how cases are scored: `json`, `label`, `exact`, or `mixed`."""
    kinds = {
        "json" if isinstance(case.expected, dict) else "label" if labels else "exact"
        for case in cases
    }
    return kinds.pop() if len(kinds) == 1 else "mixed"


def _accepted(case: Case) -> tuple[str, ...]:
    if isinstance(case.expected, str):
        return (case.expected,)
    return case.expected if isinstance(case.expected, tuple) else ()


def _normal(text: str) -> str:
    return _SPACE.sub(" ", unicodedata.normalize("NFKC", text)).strip().casefold()


def _label(text: str) -> str:
    bare = _normal(text).removesuffix(".").strip(_QUOTES).removesuffix(".")
    return re.sub(r"[\s_-]+", "_", bare.strip())


def _json_equal(expected: object, found: object) -> bool:
    if isinstance(expected, Mapping) and isinstance(found, Mapping):
        left = cast("Mapping[str, object]", expected)
        right = cast("Mapping[str, object]", found)
        return left.keys() == right.keys() and all(
            _json_equal(value, right[key]) for key, value in left.items()
        )
    if isinstance(expected, list) and isinstance(found, list):
        ours, theirs = cast("list[object]", expected), cast("list[object]", found)
        return len(ours) == len(theirs) and all(map(_json_equal, ours, theirs))
    if isinstance(expected, str) and isinstance(found, str):
        return expected.strip() == found.strip()
    return isinstance(expected, bool) == isinstance(found, bool) and expected == found
