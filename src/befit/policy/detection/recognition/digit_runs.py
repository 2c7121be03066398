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


@dataclass(frozen=True)  # no slots: what stands beside it is looked at once
class Number:
    """Consecutive whole groups of a run.

    Attributes:
        stretch: the text it stands in.
        digits: without what separates them.
        sizes: how many digits each group has.
        separators: what stands between the groups, in order.
    """

    stretch: Stretch
    digits: str
    start: int
    end: int
    sizes: tuple[int, ...]
    separators: tuple[str, ...]

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
        joined: whether a letter stands right before, and right after.
    """

    stretch: Stretch
    groups: list[tuple[int, int]]
    sizes: tuple[int, ...]
    joined: tuple[bool, bool]

    def number(self, first: int, last: int) -> Number:
        """The groups from `first` to `last`, both included."""
        groups = self.groups[first : last + 1]
        text = self.stretch.text
        return Number(
            stretch=self.stretch,
            digits="".join([text[start:end] for start, end in groups]),
            start=groups[0][0],
            end=groups[-1][1],
            sizes=tuple(end - start for start, end in groups),
            separators=tuple(text[one[1] : other[0]] for one, other in pairwise(groups)),
        )

    def is_clean(self, first: int, last: int) -> bool:
        """Whether the groups stand apart: no part of a word, no decimal's fraction."""
        if first == 0 and self.joined[0]:
            return False
        if last == len(self.groups) - 1 and self.joined[1]:
            return False
        if first == last and first > 0:
            between = self.stretch.text[self.groups[first - 1][1] : self.groups[first][0]]
            return between != "."
        return True


def digit_runs(stretch: Stretch) -> Iterator[DigitRun]:
    """Every run of the stretch of eight digits or more: fewer are no number looked for."""
    text = stretch.text
    for match in _RUN.finditer(text):
        if _FRACTION.fullmatch(match[0]):
            continue
        start, end = match.span()
        groups = [group.span() for group in _GROUP.finditer(text, start, end)]
        yield DigitRun(
            stretch,
            groups,
            tuple([end - start for start, end in groups]),
            (text[start - 1 : start].isalnum(), text[end : end + 1].isalnum()),
        )
