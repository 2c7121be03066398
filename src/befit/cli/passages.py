"""Passages as people read them on a terminal: ranked, with where they stand and why.

What documents hold is text from outside: nothing of it may move the cursor or write elsewhere,
so what is no printable character becomes a space. The two joiners are spelling, and stay.
"""

from __future__ import annotations

from collections.abc import Sequence

import click
import msgspec

_SNIPPET = 400
_BEFORE = 60
_INDENT = "   "
_JOINERS = "\u200c\u200d"


class Passage(msgspec.Struct):
    """What is printed of a result."""

    doc_id: str
    passage_id: str
    text: str
    title: str
    collection: str
    page: int | None
    uri: str
    data_class: str
    highlights: list[tuple[int, int]] = []


def passage_report(passages: Sequence[Passage]) -> str:
    """All passages, best first; the query's words stand out where the terminal can show it."""
    return "\n\n".join(_told(place, each) for place, each in enumerate(passages, start=1))


def plain(text: str) -> str:
    """A text from outside as it may be written to a terminal."""
    return "".join(letter if letter.isprintable() or letter in _JOINERS else " " for letter in text)


def _told(place: int, passage: Passage) -> str:
    title = click.style(plain(passage.title or passage.doc_id), bold=True)
    page = f", page {passage.page}" if passage.page is not None else ""
    where = f"{passage.collection}: {passage.doc_id}{page} · {passage.data_class}"
    lines = [f"{place}. {title}", f"{_INDENT}{plain(where)}"]
    if passage.uri and passage.uri != passage.doc_id:
        lines.append(f"{_INDENT}{plain(passage.uri)}")
    return "\n".join([*lines, f"{_INDENT}{_snippet(passage)}"])


def _snippet(passage: Passage) -> str:
    """The stretch of the text that holds most of the query's words, these marked."""
    start = _start(passage)
    end = min(len(passage.text), start + _SNIPPET)
    parts: list[str] = []
    at = start
    for first, last in passage.highlights:
        if first < at or last > end:
            continue
        parts += [
            plain(passage.text[at:first]),
            click.style(plain(passage.text[first:last]), underline=True),
        ]
        at = last
    parts.append(plain(passage.text[at:end]))
    opening = "" if start == 0 else "… "
    return opening + "".join(parts).strip() + ("" if end == len(passage.text) else " …")


def _start(passage: Passage) -> int:
    if len(passage.text) <= _SNIPPET or not passage.highlights:
        return 0
    firsts = [first for first, _ in passage.highlights]
    best = max(
        firsts,
        key=lambda first: sum(first <= other < first + _SNIPPET - _BEFORE for other in firsts),
    )
    wanted = max(0, best - _BEFORE)
    space = passage.text.find(" ", wanted)  # not within a word
    return wanted if wanted == 0 or not wanted < space < best else space + 1
