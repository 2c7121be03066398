"""`sentences`: a text's sentences by rules, for cutting and for quoting.

Rules and no model: the same text gives the same sentences everywhere, at once. Lines that
were wrapped to a width are read on; rows of a table, items of a list and paragraphs end
what they hold.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from befit.knowledge.chunking.abbreviations import ENDS_NOTHING, MAY_END, MONTHS, OPENERS
from befit.knowledge.chunking.graphemes import safe_cut

MOST_SENTENCE_CHARS = 1_000
"""Longer ones are cut where a clause ends, else between words, else between characters."""

_CLOSERS = "\"'\u201d\u2019\u00bb\u203a)\\]}\u300d\u300f\uff09"
_OPENING = "\"'\u201c\u201e\u2018\u00ab\u2039([{\u300c\u300e\u00bf\u00a1*_"
# What follows is not looked at here: a long run of full stops would be read from each of them.
_STOP = re.compile(
    rf"(?P<wide>[\u3002\uff01\uff1f\uff61]++[{_CLOSERS}]*+)"
    rf"|(?P<stop>[.!?\u2026\u203d\u061f\u06d4\u0964\u0965]++[{_CLOSERS}]*+)"
    r"|(?P<line>\r?\n)"
)
_BULLET = re.compile(r"[ \t]*(?:[-*+\u2022\u25aa\u25e6\u2023\u00b7]|\d{1,3}[.)]|[a-z]\))[ \t]+\S")
_WORD_BEFORE = re.compile(r"[^\s(\[{\"'\u201c\u201e\u2018\u00ab]{1,24}$")
_WORD_BEHIND = re.compile(r"\w+")
_INITIALS = re.compile(r"(?:[^\W\d_]\.)+[^\W\d_]?|[^\W\d_a-z]")  # U.S, e.g, J
_SHORT_LINE = 45  # below it a line was ended, not wrapped
_CLAUSE = re.compile(r"[;:,\u3001\uff0c\uff1b\u060c](?=\s|[\u2e80-\uffff])")
_SPACE = re.compile(r"\s+")
_NONSPACE = re.compile(r"\S")


def sentences(text: str) -> tuple[tuple[int, int], ...]:
    """The places of a text's sentences, in order, without the blanks around them.

    Together they hold every character that is not blank; none is longer than
    `MOST_SENTENCE_CHARS`.
    """
    return tuple(spans_within(text, 0, len(text)))


def spans_within(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The sentences of `text[start:end]`, as places in `text`."""
    end = min(end, len(text))
    begun = start
    for stop in _STOP.finditer(text, start, end):
        if stop.end() > begun and _ends_here(text, stop, end):
            yield from _bounded(text, begun, stop.end())
            begun = stop.end()
    yield from _bounded(text, begun, end)


def _ends_here(text: str, stop: re.Match[str], end: int) -> bool:
    if stop["line"]:
        return _ends_line(text, stop.start(), stop.end(), end)
    if stop["wide"]:
        return True
    if stop.end() < end and not text[stop.end()].isspace():
        return False
    behind = _NONSPACE.search(text, stop.end(), min(end, stop.end() + 40))
    if behind is None:
        return True
    if "\n" in text[stop.end() : behind.start()] and _BULLET.match(text, behind.start()):
        return True
    if behind[0].islower():
        return False
    if stop["stop"][0] != "." or stop["stop"].startswith(".."):
        return True
    return _full_stop_ends(text, stop.start(), behind.start())


def _full_stop_ends(text: str, at: int, behind: int) -> bool:
    """Whether the full stop at `at` ends a sentence rather than shortening a word."""
    found = _WORD_BEFORE.search(text, max(0, at - 24), at)
    if found is None:
        return True
    word, next_word = found[0].casefold(), _next_word(text, behind)
    if word.isdigit():
        is_item = len(word) <= 3 and _begins_line(text, found.start())
        return not is_item and not (len(word) <= 2 and next_word in MONTHS)
    if word in ENDS_NOTHING:
        return False
    if word in MAY_END or _INITIALS.fullmatch(found[0]):
        # "of the U.S. The bill": only a word that opens sentences tells; in "J. A." none does.
        return next_word in OPENERS and len(next_word) > (len(word) == 1)
    return True


def _begins_line(text: str, at: int) -> bool:
    before = text[max(0, at - 12) : at].rstrip(" \t")
    return before.endswith("\n") or (not before and at <= 12)


def _next_word(text: str, at: int) -> str:
    found = _WORD_BEHIND.search(text, at, at + 30)
    return found[0].casefold() if found else ""


def _ends_line(text: str, at: int, behind: int, end: int) -> bool:
    """Whether a line break ends what is before it: a paragraph, an item, a row, a short line."""
    following = text[behind : min(end, behind + 200)]
    if not following[:1].strip() and not following.split("\n", 1)[0].strip():
        return True  # a blank line, or the end
    if _BULLET.match(following):
        return True
    line_start = max(text.rfind("\n", 0, at) + 1, at - 400)
    line = text[line_start:at].strip()
    if " | " in line or " | " in following.split("\n", 1)[0]:
        return True
    if not line or len(line) >= _SHORT_LINE or line[-1] in ",;-\u2013\u2014(&/":
        return False
    opening = following.lstrip(_OPENING + " \t")[:1]
    if opening.isupper() or opening.isdigit():
        return True
    return not opening.islower() and not line[-1].islower() and len(line) * 2 < _SHORT_LINE


def _bounded(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    begun, finish = _stripped(text, start, end)
    while finish - begun > MOST_SENTENCE_CHARS:
        cut = _clause_end(text, begun, begun + MOST_SENTENCE_CHARS)
        yield _stripped(text, begun, cut)
        begun = _content_from(text, cut, finish)
    if begun < finish:
        yield begun, finish


def _clause_end(text: str, start: int, limit: int) -> int:
    """Where to cut what has no end of its own: beyond `start`, at most at `limit`."""
    half = (start + limit) // 2
    for pattern in (_CLAUSE, _SPACE):
        ends = [found.end() for found in pattern.finditer(text, half, limit)]
        if ends:
            return ends[-1]
    return safe_cut(text, limit, after=start)


def _stripped(text: str, start: int, end: int) -> tuple[int, int]:
    begun = _content_from(text, start, end)
    return begun, begun + len(text[begun:end].rstrip())


def _content_from(text: str, start: int, end: int) -> int:
    found = _NONSPACE.search(text, start, end)
    return found.start() if found else end
