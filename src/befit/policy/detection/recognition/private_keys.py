"""Private keys in their armour: from the line that begins one to the line that ends it."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator

from befit.policy.detection.finding import Span

TYPE = "SECRET"

_NAME = "PRIVATE KEY"
_LINE = 64
_BEGIN = re.compile(r"-{3,5} ?BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)? ?-{3,5}")
_END = re.compile(r"-{3,5} ?END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)? ?-{3,5}")
_PUTTY = re.compile(r"PuTTY-User-Key-File-[0-9]:")
_BODY = re.compile(r"[\s\\0-9A-Za-z+/=:,.()-]*+")
_LONGEST = 65_536


def private_keys(text: str) -> Iterator[Span]:
    """Private keys of a whole text: one is longer than what is searched at once elsewhere.

    Last lines are gone through once, whatever number of first lines there is.
    """
    at = text.find(_NAME)
    ends = [match.span() for match in _END.finditer(text)] if at >= 0 else []
    while at >= 0:
        begin = _BEGIN.search(text, max(0, at - _LINE), at + _LINE)
        end = at + len(_NAME)
        if begin is not None:
            end = max(end, _end_of(text, begin.end(), ends))
            yield Span(start=begin.start(), end=end, type=TYPE)
        at = text.find(_NAME, end)
    if "PuTTY" in text:
        for match in _PUTTY.finditer(text):
            yield Span(start=match.start(), end=_end_of_body(text, match.end()), type=TYPE)


def _end_of(text: str, start: int, ends: list[tuple[int, int]]) -> int:
    """The end of a key; where its last line is missing, that of what could belong to it."""
    index = bisect_left(ends, (start, 0))
    if index < len(ends) and ends[index][1] - start <= _LONGEST:
        return ends[index][1]
    return _end_of_body(text, start)


def _end_of_body(text: str, start: int) -> int:
    match = _BODY.match(text, start, start + _LONGEST)
    return max(start, match.end() if match else start)
