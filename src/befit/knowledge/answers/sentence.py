"""`Sentence`: the stretch of a found passage that a quotation or a claim can rest on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from befit.knowledge.chunking import sentences
from befit.knowledge.search.found import Found, FoundPassage

MOST_SENTENCES = 60
"""Each is embedded while somebody waits."""


CELLS = " | "
"""Stands between the cells of a table's row."""

_HEADING = re.compile(r"#{1,6}\s")
_LONGEST_HEADING = 80
_UNMARKED = 7  # below every level that Markdown marks
_RULE = re.compile(r"[\s|:-]*-{3}[\s|:-]*")


@dataclass(frozen=True, kw_only=True, slots=True)
class Sentence:
    """One sentence, list item or table row of a passage.

    Attributes:
        passage: which of `Found.passages`, counting from 0.
        start, end: characters of the passage's text, without the space around.
        reads: what it says by itself, to be compared: a row's cells have their headings.
        header: of a table's row, the row that says what its cells are; as `start` and `end`.
    """

    passage: int
    start: int
    end: int
    text: str
    reads: str
    header: tuple[int, int] | None = None

    @property
    def is_row(self) -> bool:
        """Whether it is a row of a table."""
        return CELLS in self.text


@dataclass(frozen=True, kw_only=True, slots=True)
class Heading:
    """A line that says what is below it, until the next of its level or above."""

    start: int
    level: int
    text: str


def candidate_sentences(found: Found) -> tuple[Sentence, ...]:
    """The sentences of what was found, in order, at most sixty.

    A heading is none, nor is the header of a table: they say nothing without what they are over.

    Where there are more, such as the rows of long tables, those with most of the question's
    words stay, and of those with as many the first of each passage.
    """
    every = list[Sentence]()
    worth = list[tuple[int, int]]()
    for at, passage in enumerate(found.passages):
        for place, (start, end) in enumerate(sentences(passage.text)):
            sentence = _sentence(passage, at, start, end)
            if sentence is None:
                continue
            every.append(sentence)
            words = sum(start <= begin < end for begin, _ in passage.highlights)
            worth.append((-words, place))
    kept = sorted(range(len(every)), key=worth.__getitem__)[:MOST_SENTENCES]
    return tuple(every[at] for at in sorted(kept))


def headings_in(text: str) -> Iterator[Heading]:
    """The headings of a text, in order.

    A heading is marked as one, or is a short line with no end of its own above a table or
    behind a blank line.
    """
    lines = text.splitlines(keepends=True)
    start = 0
    for at, line in enumerate(lines):
        plain = line.strip()
        before = lines[at - 1].strip() if at else ""
        behind = lines[at + 1] if at + 1 < len(lines) else ""
        if _HEADING.match(plain):
            words = plain.lstrip("#")
            yield Heading(start=start, level=len(plain) - len(words), text=words.strip())
        elif _is_short(plain) and (not before or CELLS in behind):
            yield Heading(start=start, level=_UNMARKED, text=plain)
        start += len(line)


def _is_short(line: str) -> bool:
    """Whether a line may be a heading that nothing marks as one."""
    is_open = line[-1:].isalnum() or line.endswith((")", ":"))
    return is_open and len(line) <= _LONGEST_HEADING and CELLS not in line and line[0].isupper()


def _sentence(passage: FoundPassage, at: int, start: int, end: int) -> Sentence | None:
    """The sentence at a place; None where it is a heading, or the header or rule of a table."""
    text = passage.text[start:end]
    if CELLS not in text:
        if ("|" in text and _RULE.fullmatch(text)) or _HEADING.match(text):
            return None
        return Sentence(passage=at, start=start, end=end, text=text, reads=text)
    header = _header(passage.text, start)
    begins_here = header is None and (start > 0 or passage.start == 0)
    if _RULE.fullmatch(text) or (begins_here and _has_rows(passage.text, end)):
        return None
    heading = "" if header is None else passage.text[slice(*header)]
    reads = _with_headings(text, heading)
    return Sentence(passage=at, start=start, end=end, text=text, header=header, reads=reads)


def _header(text: str, start: int) -> tuple[int, int] | None:
    """The first row of the table that the row at `start` stands in; None for itself."""
    start = text.rfind("\n", 0, start) + 1
    first: tuple[int, int] | None = None
    while start > 0:
        before = text.rfind("\n", 0, start - 1) + 1
        line = text[before : start - 1]
        start = before
        if _RULE.fullmatch(line):
            continue
        if CELLS not in line:
            break
        first = (before + len(line) - len(line.lstrip()), before + len(line.rstrip()))
    return first


def _has_rows(text: str, end: int) -> bool:
    """Whether another row follows the one that ends at `end`."""
    behind = text[end:].lstrip("|").split("\n", 2)[1:]
    return any(CELLS in line for line in behind)


def _with_headings(row: str, header: str) -> str:
    cells, headings = ([each.strip(" |") for each in t.split(CELLS)] for t in (row, header))
    if len(cells) != len(headings):
        return row
    return "; ".join(f"{heading} {cell}" for heading, cell in zip(headings, cells, strict=True))
