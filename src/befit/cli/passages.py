"""Passages as people read them on a terminal: ranked, with where they stand and why.

What documents hold is text from outside: nothing of it may move the cursor or write elsewhere,
so what is no printable character becomes a space. The two joiners are spelling, and stay.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator, Sequence

import click
import msgspec

_SNIPPET = 400
_BEFORE = 60
_INDENT = "   "
_JOINERS = "\u200c\u200d"
_WORD = re.compile(r"\S+")
_UNBROKEN = 60
"""Characters of a word past which it may be cut: scripts without spaces have sentences so long."""

_NARROWEST = 40

Span = tuple[int, int]


class Passage(msgspec.Struct):
    """What is printed of a result."""

    doc_id: str
    passage_id: str
    score: float
    text: str
    title: str
    collection: str
    page: int | None
    uri: str
    data_class: str
    highlights: list[Span] = []


def passage_report(passages: Sequence[Passage]) -> str:
    """All passages, best first; the query's words stand out where the terminal can show it.

    Texts are broken into lines on a terminal, and left in one where they are piped.
    """
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    return "\n\n".join(_told(place, each, width) for place, each in enumerate(passages, start=1))


def plain(text: str) -> str:
    """A text from outside as it may be written to a terminal."""
    return "".join(letter if letter.isprintable() or letter in _JOINERS else " " for letter in text)


def _told(place: int, passage: Passage, width: int | None) -> str:
    title = click.style(plain(passage.title or passage.doc_id), bold=True)
    page = f", page {passage.page}" if passage.page is not None else ""
    where = f"{passage.collection}: {passage.doc_id}{page} · {passage.data_class}"
    lines = [f"{place}. {title}", f"{where} · score {passage.score:.2f}"]
    if passage.uri and passage.uri != passage.doc_id:
        lines.append(passage.uri)
    first, *more = lines
    room = None if width is None else max(_NARROWEST, width - len(_INDENT))
    return "\n".join(
        [first, *(_INDENT + plain(line) for line in more)]
        + [_INDENT + line for line in _lines(_snippet(passage), room)]
    )


def _lines(words: Sequence[tuple[str, str]], room: int | None) -> Iterator[str]:
    """Words, each as it is and as it is shown, in lines of at most `room` characters."""
    line: list[str] = []
    taken = 0
    for word, shown in words:
        if room is not None and line and taken + len(word) > room:
            yield " ".join(line)
            line, taken = [], 0
        line.append(shown)
        taken += len(word) + 1
    yield " ".join(line)


def _snippet(passage: Passage) -> list[tuple[str, str]]:
    """The words of the stretch that holds most of the query's, these marked."""
    text = plain(passage.text)
    start = _start(text, passage.highlights)
    found = [each.span() for each in _WORD.finditer(text, start)]
    limit = start + _SNIPPET
    inside = [
        (first, min(last, limit))
        for first, last in found
        if last <= limit or (first < limit and last - first > _UNBROKEN)
    ]
    words = [
        (text[first:last], _marked(text, (first, last), passage.highlights))
        for first, last in inside
    ]
    opening = [("…", "…")] if start > 0 else []
    closing = [("…", "…")] if inside != found else []
    return [*opening, *words, *closing]


def _marked(text: str, word: Span, highlights: Sequence[Span]) -> str:
    """One word, underlined as far as it is the query's."""
    at, end = word
    parts: list[str] = []
    for first, last in highlights:
        if at <= first and last <= end:
            parts += [text[at:first], click.style(text[first:last], underline=True)]
            at = last
    return "".join([*parts, text[at:end]])


def _start(text: str, highlights: Sequence[Span]) -> int:
    if len(text) <= _SNIPPET or not highlights:
        return 0
    firsts = [first for first, _ in highlights]
    best = max(
        firsts,
        key=lambda first: sum(first <= other < first + _SNIPPET - _BEFORE for other in firsts),
    )
    wanted = max(0, best - _BEFORE)
    space = text.find(" ", wanted)  # not within a word
    return wanted if wanted == 0 or not wanted < space < best else space + 1
