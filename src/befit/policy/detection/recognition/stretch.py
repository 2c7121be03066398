"""`Stretch`: a part of a text as recognisers search it, small enough to be searched at once.

A long text is cut into stretches, because a search holds the interpreter and other requests
wait that long. Each reaches over its core on both sides, so that whatever begins in the core
is seen whole and with what stands before it; only what begins in the core counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from befit.policy.detection.finding import Span

CORE = 32_768
BEFORE = 512
AFTER = 8_192
"""Longer than any key or token that is looked for here."""

_DIGIT_ROW = re.compile(r"[0-9](?:[\s,;:|_/.\-]{0,8}+[0-9]){7,}+")


@dataclass(frozen=True)  # no slots: what is derived is derived once
class Stretch:
    """Some text, and which of it counts.

    Attributes:
        offset: where it begins in the whole text.
        core: from where to where findings begin that count, in offsets of `text`.
    """

    text: str
    offset: int
    core: tuple[int, int]

    @cached_property
    def lowered(self) -> str:
        """The text in small letters, character for character."""
        return self.text.lower()

    @cached_property
    def digit_rows(self) -> list[tuple[int, int]]:
        """Where eight digits or more stand with nothing but blanks and signs between them."""
        return [match.span() for match in _DIGIT_ROW.finditer(self.text)]

    def around(self, start: int, end: int, *, before: int = 64, after: int = 32) -> str:
        """What stands beside a finding, in small letters; words that tell what it is."""
        lowered = self.lowered
        return f"{lowered[max(0, start - before) : start]} {lowered[end : end + after]}"


class Recogniser(Protocol):
    """Finds what has one kind of form."""

    def __call__(self, stretch: Stretch) -> Iterator[Span]:
        """Findings in offsets of the stretch, in any order; time linear in its length."""
        ...


def stretches(text: str, *, core: int = CORE) -> Iterator[Stretch]:
    """A text in parts that overlap; one that is short is one part."""
    if len(text) <= core:
        yield Stretch(text, 0, (0, len(text)))
        return
    for start in range(0, len(text), core):
        begin = max(0, start - BEFORE)
        end = min(len(text), start + core)
        yield Stretch(text[begin : end + AFTER], begin, (start - begin, end - begin))
