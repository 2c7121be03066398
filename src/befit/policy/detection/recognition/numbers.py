"""Numbers that name a card or a person: runs of digits, told apart by how they are written."""

from __future__ import annotations

from collections.abc import Iterator

from befit.policy.detection.finding import Span
from befit.policy.detection.recognition import cards
from befit.policy.detection.recognition.digit_runs import DigitRun, Number, digit_runs
from befit.policy.detection.recognition.national_ids import BY_LENGTH, BY_SIZES, Sizes
from befit.policy.detection.recognition.stretch import Stretch

_FORMS = cards.GROUPINGS | frozenset(BY_SIZES)
_BEGINNINGS = frozenset(sizes[:count] for sizes in _FORMS for count in range(1, len(sizes) + 1))
_MOST_DIGITS = 19
_FEWEST_OF_CARD = 13
_SEARCHED_GROUPS = 40
"""How many groups of a run are searched for a card that is split in no known way."""


def numbers(stretch: Stretch) -> Iterator[Span]:
    """Cards, and national ids of digits alone; none overlaps another."""
    for run in digit_runs(stretch):
        found = list(_well_written(run))
        yield from found or _scattered(run)


def _well_written(run: DigitRun) -> Iterator[Span]:
    """Findings in groups of known sizes; the longest that begins at a group counts."""
    sizes = run.sizes
    first = 0
    while first < len(sizes):
        step = 1
        for last in reversed(range(first, _reach(sizes, first))):
            if sizes[first : last + 1] not in _FORMS or not run.is_clean(first, last):
                continue
            number = run.number(first, last)
            kind = kind_of(number)
            if kind is not None:
                yield Span(start=number.start, end=number.end, type=kind)
                step = last + 1 - first
                break
        first += step


def _reach(sizes: Sizes, first: int) -> int:
    """Up to which group the sizes from `first` on begin a known form."""
    last = first + 1
    while last <= len(sizes) and sizes[first:last] in _BEGINNINGS:
        last += 1
    return last - 1


def kind_of(number: Number) -> str | None:
    """What a number that is written in a known form is."""
    if number.sizes in cards.GROUPINGS and cards.is_card(number):
        return cards.TYPE
    for each in BY_SIZES.get(number.sizes, ()):
        if each.is_one(number):
            return each.type
    return None


def _scattered(run: DigitRun) -> Iterator[Span]:
    """What is split in a way that nobody writes: the whole run, or part of it as a card."""
    digits, count = sum(run.sizes), len(run.sizes)
    if count == 1:
        return
    if _may_be_whole(run, digits):
        number = run.number(0, count - 1)
        kind = _scattered_kind(number)
        if kind is not None:
            yield Span(start=number.start, end=number.end, type=kind, score=0.9)
            return
    if count > 2 and digits > _FEWEST_OF_CARD:
        yield from scattered_cards(run)


def _may_be_whole(run: DigitRun, digits: int) -> bool:
    """Whether a run can be one number, from its length and first digit; most cannot."""
    if digits > _MOST_DIGITS or not run.is_clean(0, len(run.sizes) - 1):
        return False
    begins = run.stretch.text[run.groups[0][0]]
    return digits in BY_LENGTH or (digits >= _FEWEST_OF_CARD and cards.may_begin(begins))


def _scattered_kind(number: Number) -> str | None:
    if cards.is_scattered_card(number):
        return cards.TYPE
    ids = BY_LENGTH.get(len(number.digits), ())
    return next((each.type for each in ids if each.is_scattered(number)), None)


def scattered_cards(run: DigitRun) -> Iterator[Span]:
    """Cards in any groups of a run that a word for cards stands beside."""
    sizes = run.sizes[:_SEARCHED_GROUPS]
    if not cards.has_card_word(run.number(0, len(sizes) - 1)):
        return
    first = 0
    while first < len(sizes):
        digits, step = 0, 1
        for last in range(first, len(sizes)):
            digits += sizes[last]
            if digits > _MOST_DIGITS:
                break
            if digits < _FEWEST_OF_CARD or not run.is_clean(first, last):
                continue
            number = run.number(first, last)
            if cards.is_scattered_card(number):
                yield Span(start=number.start, end=number.end, type=cards.TYPE, score=0.8)
                step = last + 1 - first
                break
        first += step
