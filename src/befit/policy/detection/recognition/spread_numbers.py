"""Cards and national ids whose groups lines, tabs, commas or other signs keep apart.

    4111          SSN 536,90,4399          card 411|11111|1111|1111
    1111
    1111
    1111

Rows of numbers look like that too, so less counts than in `numbers`: a card in the groups that
are printed on cards, if no more such groups follow; anything else beside a word for it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from befit.policy.detection.finding import Span
from befit.policy.detection.recognition import cards
from befit.policy.detection.recognition.digit_runs import DigitRun, Number
from befit.policy.detection.recognition.national_ids import BY_LENGTH, BY_SIZES, Sizes
from befit.policy.detection.recognition.numbers import kind_of, scattered_cards
from befit.policy.detection.recognition.stretch import Stretch

_SIGNS = r"[\s,;:|_/.\-]"
_APART = _SIGNS + "{1,8}+"
_WIDE = re.compile(r"[^0-9 .\-/]|[ .\-/]{4}")
"""What `numbers` does not look over."""

_FORMS = frozenset(sizes for sizes in cards.GROUPINGS | frozenset(BY_SIZES) if len(sizes) > 1)
_FEWEST_BY_ITSELF = 3
_MOST_BESIDE = 1
"""How many more groups of four digits may stand beside a card; its expiry can be one."""

_GROUP = re.compile(r"[0-9]+")


def _tree(forms: Collection[Sizes]) -> str:
    """A pattern of all forms, in which each group is matched once whatever may follow it."""
    branches: list[str] = []
    for size in dict.fromkeys(sizes[0] for sizes in sorted(forms)):
        rest = [sizes[1:] for sizes in forms if sizes[0] == size]
        longer = [sizes for sizes in rest if sizes]
        branch = f"[0-9]{{{size}}}(?![0-9])"
        if longer:
            branch += f"(?:{_APART}{_tree(longer)})" + ("?" if () in rest else "")
        branches.append(branch)
    return f"(?:{'|'.join(branches)})"


_FORM = re.compile(rf"[0-9](?<=(?<![0-9])(?=({_tree(_FORMS)}))[0-9])")
_SINGLES = re.compile(rf"[0-9](?<![0-9][0-9])(?:{_APART}[0-9](?![0-9])){{7,18}}+")
_FOURS = re.compile(rf"(?:{_APART}[0-9]{{4}}(?![0-9])){{0,2}}+")
_FOURS_REACH = 25


def spread_numbers(stretch: Stretch) -> Iterator[Span]:
    """Cards and national ids that `numbers` does not see, as their groups stand further apart."""
    for start, end in stretch.digit_rows:
        if _WIDE.search(stretch.text, start, end) is not None:
            yield from _in_row(stretch, start, end)


def _in_row(stretch: Stretch, start: int, end: int) -> Iterator[Span]:
    for match in _FORM.finditer(stretch.text, start, end):
        yield from _in_a_form(DigitRun.of(stretch, *match.span(1)))
    for match in _SINGLES.finditer(stretch.text, start, end):
        yield from _in_singles(DigitRun.of(stretch, *match.span()))
    if cards.may_name_cards(stretch.around(start, end)):
        yield from scattered_cards(DigitRun.of(stretch, start, end))


def _in_a_form(run: DigitRun) -> Iterator[Span]:
    """The longest beginning of the groups that is a number in one of its forms."""
    for count in range(len(run.sizes), 1, -1):
        if run.sizes[:count] not in _FORMS or not run.is_clean(0, count - 1):
            continue
        number = run.number(0, count - 1)
        if not any(map(_WIDE.search, number.separators)):
            continue
        kind = kind_of(number)
        if kind is None or (kind == cards.TYPE and _is_of_a_list(number)):
            continue
        yield Span(start=number.start, end=number.end, type=kind, score=0.9)
        return


def _is_of_a_list(number: Number) -> bool:
    """Whether a card's groups may be any numbers: few, or more of four digits beside them."""
    if cards.has_card_word(number):
        return False
    text, start, end = number.stretch.text, number.start, number.end
    before = _FOURS.match(text[max(0, start - _FOURS_REACH) : start][::-1])
    beside = [each for each in (before, _FOURS.match(text, end)) if each is not None]
    more = sum(len(_GROUP.findall(each[0])) for each in beside)
    return len(number.sizes) < _FEWEST_BY_ITSELF or more > _MOST_BESIDE


def _in_singles(run: DigitRun) -> Iterator[Span]:
    """An id whose digits all stand apart."""
    last = len(run.sizes) - 1
    if not run.is_clean(0, last):
        return
    number = run.number(0, last)
    for each in BY_LENGTH.get(len(number.digits), ()):
        if each.is_scattered(number):
            yield Span(start=number.start, end=number.end, type=each.type, score=0.8)
            return
