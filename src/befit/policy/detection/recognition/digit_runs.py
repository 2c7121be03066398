"""Digits that belong together, and the groups they are written in.

    run = next(digit_runs("no. 4111 1111-1111 1111"))
    run.sizes                       # (4, 4, 4, 4)

Everything that is made of digits alone (cards, most national ids) is looked for here once, and
told apart by the sizes of the groups: a look-up, so numbers cost little whatever they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from befit.policy.detection.recognition.stretch import Stretch

_RUN = re.compile(r"[0-9](?:[ .\-/]{0,3}+[0-9]){7,}+")
_FRACTION = re.compile(r"[017-9][0-9]*+\.[0-9]++")
"""A decimal that is no card split by a dot: records are full of them."""

_GROUP = re.compile(r"[0-9]+")
_LONGEST_WORD = 24
"""How many letters beside a number are looked at; keys have a digit among so many."""


@dataclass(frozen=True)  # no slots: what stands beside it is looked at once
class Number:
    """Consecutive whole groups of a run.

    Attributes:
        stretch: the text it stands in.
        digits: without what separates them.
        sizes: how many digits each group has.
        separators: what stands between the groups, in order.
        is_joined: whether a word is joined to it, as in `cc4111..`.
    """

    stretch: Stretch
    digits: str
    start: int
    end: int
    sizes: tuple[int, ...]
    separators: tuple[str, ...]
    is_joined: bool = False

    @property
    def separator(self) -> str | None:
        """What stands between all groups alike; None where it differs or there is one group."""
        first = self.separators[0] if self.separators else None
        return first if all(each == first for each in self.separators) else None

    @property
    def is_decimal(self) -> bool:
        """Whether it reads as a number with a fraction."""
        return self.separators == (".",)

    @cached_property
    def beside(self) -> str:
        """What stands around it, in small letters; words that may tell what it is."""
        return self.stretch.around(self.start, self.end)


@dataclass(slots=True, eq=False)  # not frozen: one is made for every number of a text
class DigitRun:
    """A run: groups of digits with at most three separators between two.

    Attributes:
        groups: start and end of each, in offsets of the stretch.
        sizes: how many digits each group has.
        words: how many letters of a word are joined to it before, and after; None where what
            is joined there is no word: letters and digits, as in keys.
    """

    stretch: Stretch
    groups: list[tuple[int, int]]
    sizes: tuple[int, ...]
    words: tuple[int | None, int | None]

    @classmethod
    def of(cls, stretch: Stretch, start: int, end: int) -> DigitRun:
        """The run that stands in a place."""
        groups = [group.span() for group in _GROUP.finditer(stretch.text, start, end)]
        sizes = tuple([end - start for start, end in groups])
        return cls(stretch, groups, sizes, _words_beside(stretch.text, start, end))

    def number(self, first: int, last: int) -> Number:
        """The groups from `first` to `last`, both included."""
        groups = self.groups[first : last + 1]
        text = self.stretch.text
        return Number(
            stretch=self.stretch,
            digits="".join([text[start:end] for start, end in groups]),
            start=groups[0][0],
            end=groups[-1][1],
            sizes=self.sizes[first : last + 1],
            separators=tuple([text[one[1] : other[0]] for one, other in pairwise(groups)]),
            is_joined=bool(
                (first == 0 and self.words[0]) or (last == len(self.groups) - 1 and self.words[1])
            ),
        )

    def is_clean(self, first: int, last: int) -> bool:
        """Whether the groups stand apart: no part of a key, no decimal's fraction."""
        if first == 0 and self.words[0] is None:
            return False
        if last == len(self.groups) - 1 and self.words[1] is None:
            return False
        if first == last and first > 0:
            between = self.stretch.text[self.groups[first - 1][1] : self.groups[first][0]]
            return between != "."
        return True


def digit_runs(stretch: Stretch) -> Iterator[DigitRun]:
    """Every run of the stretch of eight digits or more: fewer are no number looked for."""
    for row in stretch.digit_rows:
        for match in _RUN.finditer(stretch.text, *row):
            if not _FRACTION.fullmatch(match[0]):
                yield DigitRun.of(stretch, *match.span())


def _words_beside(text: str, start: int, end: int) -> tuple[int | None, int | None]:
    if not (text[start - 1 : start].isalnum() or text[end : end + 1].isalnum()):
        return 0, 0
    before = text[max(0, start - _LONGEST_WORD) : start][::-1]
    return _letters(before), _letters(text[end : end + _LONGEST_WORD])


def _letters(text: str) -> int | None:
    """How many letters a text begins with; None where a digit follows them."""
    for place, character in enumerate(text):
        if not character.isalpha():
            return None if character.isalnum() else place
    return len(text)
