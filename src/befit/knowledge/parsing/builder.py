"""`TextBuilder`: a text put together block by block, keeping where each stands."""

from __future__ import annotations

import re
from collections.abc import Iterable

from befit.knowledge.parsing.kinds import FileKind
from befit.knowledge.parsing.limits import ParseLimits
from befit.knowledge.parsing.parsed import Block, BlockKind, Line, Page, Parsed
from befit.knowledge.parsing.unreadable import Unreadable

BETWEEN_CELLS = " | "
_BETWEEN_BLOCKS = "\n\n"
_NOT_UNICODE = re.compile("[\x00\ud800-\udfff]")
_NEWLINES = re.compile(r"\r\n?")


def clean(text: str) -> str:
    """The text with U+FFFD for each NUL and lone surrogate, which no store can hold."""
    return _NOT_UNICODE.sub("\ufffd", text)


def unix_newlines(text: str) -> str:
    """The text with `\\n` for each of its line ends."""
    return _NEWLINES.sub("\n", text) if "\r" in text else text


def flat(text: str) -> str:
    """The text on one line, blanks collapsed."""
    return " ".join(text.split())


def row_line(cells: Iterable[str]) -> str:
    """A row of a table as a line; empty where all its cells are."""
    flattened = [flat(cell) for cell in cells]
    while flattened and not flattened[-1]:
        flattened.pop()
    return BETWEEN_CELLS.join(flattened)


def too_much_text(limits: ParseLimits) -> Unreadable:
    """What is raised when more text comes out of a file than is taken."""
    return Unreadable(
        f"its text is longer than {limits.text_chars:,} characters", next_step="split it"
    )


class TextBuilder:
    """Collects what a reader finds and makes a `Parsed` of it."""

    def __init__(self, limits: ParseLimits) -> None:
        self._limits = limits
        self._parts: list[str] = []
        self._length = 0
        self._blocks: list[Block] = []
        self._pages: list[tuple[int, int]] = []
        self._lines: list[Line] = []
        self.warnings: list[str] = []

    @property
    def length(self) -> int:
        """Characters so far."""
        return self._length

    def page(self, number: int) -> None:
        """Begin a page; what is added from now on stands on it."""
        start = self._length + (len(_BETWEEN_BLOCKS) if self._length else 0)
        self._pages.append((number, start))

    def add(self, kind: BlockKind, text: str, *, level: int = 0) -> int:
        """Add a block and tell where it starts; a blank one is left out.

        Raises:
            Unreadable: the text has grown too long.
        """
        text = clean(unix_newlines(text)).strip("\n" if kind is BlockKind.CODE else None)
        if not text.strip():
            return self._length
        if self._length:
            self._parts.append(_BETWEEN_BLOCKS)
            self._length += len(_BETWEEN_BLOCKS)
        start = self._length
        self._parts.append(text)
        self._length += len(text)
        if self._length > self._limits.text_chars:
            raise too_much_text(self._limits)
        if len(self._blocks) < self._limits.parts:
            self._blocks.append(Block(kind=kind, start=start, end=self._length, level=level))
        return start

    def table(self, rows: Iterable[Iterable[str]]) -> int:
        """Add a table, a line for each row that is not empty.

        Raises:
            Unreadable: the text has grown too long.
        """
        lines: list[str] = []
        room = self._limits.text_chars - self._length
        for row in rows:
            line = row_line(row)
            if line:
                lines.append(line)
                room -= len(line) + 1
            if room < 0:
                raise too_much_text(self._limits)
        return self.add(BlockKind.TABLE, "\n".join(lines))

    def line(self, line: Line) -> None:
        """Say where a line stands on its page."""
        if len(self._lines) < self._limits.parts:
            self._lines.append(line)

    def first_heading(self) -> str:
        """The text of the first heading; empty where there is none."""
        for block in self._blocks[:50]:
            if block.kind is BlockKind.HEADING:
                return flat("".join(self._parts)[block.start : block.end])[:300]
        return ""

    def built(self, kind: FileKind, *, title: str = "", dated_s: int | None = None) -> Parsed:
        """What was collected."""
        starts = [*(min(start, self._length) for _, start in self._pages), self._length]
        pages = tuple(
            Page(number=number, start=starts[place], end=starts[place + 1])
            for place, (number, _) in enumerate(self._pages)
        )
        return Parsed(
            text="".join(self._parts),
            media_type=kind.value,
            title=clean(flat(title))[:300],
            blocks=tuple(self._blocks),
            pages=pages,
            lines=tuple(self._lines),
            dated_s=dated_s,
            warnings=tuple(self.warnings),
        )
