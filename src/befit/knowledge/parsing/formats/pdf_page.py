"""The lines of a PDF's page, with where each stands: the one place that calls pdfium for text."""

from __future__ import annotations

import ctypes
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pypdfium2.raw as pdfium  # pyright: ignore[reportMissingTypeStubs]  # it has no types

from befit.knowledge.parsing.builder import BETWEEN_CELLS, clean, flat

_MOST_CHARS = 1_000_000  # on one page
_CELL_GAP = 1.6  # in heights of a line: wider than any space between words
_LONGEST_CELL = 40  # on average; what is longer is a column of text and no cell
_LAST_CODE = 0x10FFFF
_A_LINE = re.compile(r"[^\r\n]+")
_LIGATURE = re.compile("[\ufb00-\ufb06]")
# How pdfium tells of a word that was divided at the end of a line, which it has put together.
_DIVIDED = re.compile("(?<=[^\\W\\d_])[\x02\ufffe\u00ad](?=[^\\W\\d_])")
_OTHER_HYPHENS = {0x02: "-", 0xFFFE: "-", 0xAD: "-"}


@dataclass(frozen=True, kw_only=True, slots=True)
class PdfLine:
    """A line as it stands on the page. `cells` where wide gaps part it, as in a table."""

    text: str
    left: float
    bottom: float
    right: float
    top: float
    size: float
    cells: tuple[str, ...] = ()

    @property
    def row(self) -> str:
        """The line as a row of a table."""
        return BETWEEN_CELLS.join(self.cells)

    @property
    def is_row(self) -> bool:
        """Whether it may be a row of a table."""
        return len(self.cells) > 1 and len(self.text) <= _LONGEST_CELL * len(self.cells)


def lines_of(page: Any) -> tuple[PdfLine, ...]:
    """The lines of a page, in the order its author wrote them.

    Args:
        page: pypdfium2's.
    """
    text_page: Any = page.get_textpage()
    try:
        return tuple(_Lines(text_page).found())
    finally:
        text_page.close()


class _Lines:
    def __init__(self, text_page: Any) -> None:
        raw: Any = pdfium  # no types, and generated names
        self._page = text_page.raw
        self._text = _characters(text_page)
        self._count_rects: Any = raw.FPDFText_CountRects
        self._get_rect: Any = raw.FPDFText_GetRect
        self._get_box: Any = raw.FPDFText_GetLooseCharBox
        self._box: Any = raw.FS_RECTF()
        self._sides = [ctypes.c_double() for _ in range(4)]

    def found(self) -> Iterator[PdfLine]:
        for found in _A_LINE.finditer(self._text):
            if not found[0].isspace():
                yield self._line(found.start(), found.end())

    def _line(self, start: int, end: int) -> PdfLine:
        said = self._text[start:end]
        text = _read_aloud(said)
        size = self._height(end - len(said.lstrip()))
        rects = self._rects(start, end - start)
        if not rects:
            return PdfLine(text=text, left=0, bottom=0, right=0, top=0, size=size)
        is_parted = any(
            right[0] - left[2] > _CELL_GAP * size > 0 for left, right in pairwise(rects)
        )
        return PdfLine(
            text=text,
            left=min(rect[0] for rect in rects),
            bottom=min(rect[1] for rect in rects),
            right=max(rect[2] for rect in rects),
            top=max(rect[3] for rect in rects),
            size=size,
            cells=tuple(self._cells(start, end, size)) if is_parted else (),
        )

    def _rects(self, start: int, count: int) -> list[tuple[float, float, float, float]]:
        """Of the stretches that a line is made of: left, bottom, right, top."""
        left, top, right, bottom = self._sides
        return [
            (left.value, bottom.value, right.value, top.value)
            for place in range(self._count_rects(self._page, start, count))
            if self._get_rect(self._page, place, left, top, right, bottom)
        ]

    def _height(self, at: int) -> float:
        return self._box.top - self._box.bottom if self._look(at) else 0.0

    def _look(self, at: int) -> bool:
        return bool(self._get_box(self._page, at, self._box))

    def _cells(self, start: int, end: int, size: float) -> Iterator[str]:
        begun, reached = start, None
        for at in range(start, end):
            if self._text[at].isspace() or not self._look(at):
                continue
            if reached is not None and self._box.left - reached > _CELL_GAP * size:
                yield _read_aloud(self._text[begun:at])
                begun = at
            reached = self._box.right
        yield _read_aloud(self._text[begun:end])


def _characters(text_page: Any) -> str:
    """The text of a page, whose places are those that pdfium has boxes for."""
    raw: Any = pdfium  # no types, and generated names
    count = int(text_page.count_chars())
    text: str = text_page.get_text_range()
    if len(text) != count:  # rare: it leaves some out there
        codes = (int(raw.FPDFText_GetUnicode(text_page.raw, at)) for at in range(count))
        text = "".join(chr(code) if code <= _LAST_CODE else "\ufffd" for code in codes)
    return text[:_MOST_CHARS]


def _read_aloud(text: str) -> str:
    """On one line, without what only a font knows: a ligature is several letters to a search."""
    if not text.isascii():
        text = _LIGATURE.sub(lambda found: unicodedata.normalize("NFKC", found[0]), text)
    return flat(clean(_DIVIDED.sub("", text).translate(_OTHER_HYPHENS)))
