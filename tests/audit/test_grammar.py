"""The grammar of one decision's events."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from befit.audit import DecisionGrammar, EventType, Phase

LETTERS = {
    "o": EventType.OPENED,
    "r": EventType.RESERVED,
    "s": EventType.SETTLED,
    "w": EventType.WAITING,
    "d": EventType.RESOLVED,
    "c": EventType.CLOSED,
    "e": EventType.EFFECTED,
    "v": EventType.REVIEWED,
}


def followed(word: str, *, is_live: bool = False) -> list[str]:
    """Problems of a decision written as letters; a digit after r or s is its permit."""
    grammar = DecisionGrammar()
    problems = []
    for at, letter in enumerate(word):
        if letter in LETTERS:
            permit = word[at + 1] if word[at + 1 : at + 2].isdigit() else None
            problems.append(grammar.follow(LETTERS[letter], permit))
    problems.append(grammar.end(is_live=is_live))
    return [problem for problem in problems if problem]


@pytest.mark.parametrize(
    "word",
    ["oc", "or1s1c", "or1r2s2s1c", "or1s1r2s2c", "or1s1wdc", "owdcev", "ow", "orrssc", "or1sc"],
)
def test_whole_decisions_pass(word: str) -> None:
    assert followed(word) == []


@pytest.mark.parametrize(
    "word",
    [
        "c",
        "r1s1c",
        "ooc",
        "occ",
        "o",
        "or1",
        "or1c",
        "os1c",
        "or1s2c",
        "or1r1s1c",
        "or1s1s1c",
        "odc",
        "owc",
        "or1wd",
        "owr1s1dc",
        "ocr1",
        "oe",
        "oco",
    ],
)
def test_broken_decisions_are_named(word: str) -> None:
    assert followed(word)


@pytest.mark.parametrize("word", ["o", "or1", "or1s1", "owd"])
def test_a_decision_may_be_open_while_a_server_is_live(word: str) -> None:
    assert followed(word, is_live=True) == []
    assert followed(word)


@st.composite
def whole(draw) -> list[tuple[str, str | None]]:
    """A whole decision: calls that overlap in any way, then perhaps a person, then the end."""
    permits = draw(st.lists(st.sampled_from("1234"), unique=True))
    calls: list[tuple[str, str | None]] = []
    outstanding: list[str] = []
    while permits or outstanding:
        if permits and (not outstanding or draw(st.booleans())):
            outstanding.append(permits.pop())
            calls.append(("r", outstanding[-1]))
        else:
            settled = outstanding.pop(draw(st.integers(0, len(outstanding) - 1)))
            calls.append(("s", settled))
    person = [("w", None), ("d", None)] if draw(st.booleans()) else []
    return [("o", None), *calls, *person, ("c", None)]


def problems_of(events: list[tuple[str, str | None]]) -> list[str]:
    grammar = DecisionGrammar()
    found = [grammar.follow(LETTERS[letter], permit) for letter, permit in events]
    return [problem for problem in (*found, grammar.end(is_live=False)) if problem]


@given(whole())
def test_every_whole_decision_passes(events) -> None:
    assert problems_of(events) == []


@given(whole(), st.data())
def test_a_decision_without_one_of_its_events_does_not_pass(events, data) -> None:
    missing = data.draw(st.integers(0, len(events) - 1))
    remaining = events[:missing] + events[missing + 1 :]
    # Without its answer and its end a decision is one that still waits.
    if problems_of(remaining) == []:
        assert DecisionGrammar(Phase.WAITING).end(is_live=False) is None
        assert remaining[-1][0] == "w"
