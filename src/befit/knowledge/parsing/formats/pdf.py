"""PDF: text by page, with where each line stands. Headings are told by their size."""

from __future__ import annotations

import datetime as dt
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import pypdfium2  # pyright: ignore[reportMissingTypeStubs]  # it has no types

from befit.knowledge.parsing.builder import TextBuilder, too_much_text
from befit.knowledge.parsing.formats.office import seconds
from befit.knowledge.parsing.formats.pdf_page import PdfLine, lines_of
from befit.knowledge.parsing.kinds import FileKind
from befit.knowledge.parsing.limits import ParseLimits
from befit.knowledge.parsing.parsed import BlockKind, Line, Parsed
from befit.knowledge.parsing.unreadable import Unreadable

_MOST_PAGES = 50_000
_NEEDS_PASSWORD, _UNKNOWN_SECURITY = 4, 5
_TAIL_BYTES = 2_048
_END_MARK = b"%%EOF"
_DATE = re.compile(r"D:(\d{4})(\d\d)(\d\d)(\d\d)?(\d\d)?(\d\d)?(?:([+-])(\d\d))?")
_NO_TITLE = re.compile(
    r"^(?:microsoft \w+ - |untitled|.*\.(?:docx?|pptx?|xlsx?|pdf|indd|tex|dvi)$)"
)
_LARGER = 1.15
_LONGEST_HEADING = 200
_PARAGRAPH_GAP = 0.55  # in heights of a line
_SENTENCE_ENDS = tuple('.!?:;\u3002\uff01\uff1f\u201d"')
_LEAST_ROWS = 2
_DEEPEST = 6

_Page = tuple[int, tuple[PdfLine, ...]]


def read_pdf(file: Path, limits: ParseLimits) -> Parsed:
    """The pages of a document.

    Raises:
        Unreadable: encrypted or damaged.
    """
    builder = TextBuilder(limits)
    with _opened(file) as document:
        pages = _pages(document, builder, limits)
        told: dict[str, str] = document.get_metadata_dict()
    levels = _heading_levels(pages)
    for number, lines in pages:
        builder.page(number)
        for kind, level, together in _blocks(lines, levels):
            _add(builder, kind, level, together, number)
    if not builder.length:
        _warn_of_no_text(builder, file)
    elif not _is_whole(file):
        builder.warnings.append("it was cut short: pages may be missing")
    title = told.get("Title", "").strip()
    if not title or _NO_TITLE.match(title.casefold()):
        title = builder.first_heading()
    dated_s = _date(told.get("ModDate", "")) or _date(told.get("CreationDate", ""))
    return builder.built(FileKind.PDF, title=title, dated_s=dated_s)


def _opened(file: Path) -> Any:
    try:
        return pypdfium2.PdfDocument(file)
    except pypdfium2.PdfiumError as error:
        code = cast("int | None", error.err_code)  # no types
        if code == _NEEDS_PASSWORD:
            raise Unreadable("it is encrypted", next_step="save it without a password") from error
        if code == _UNKNOWN_SECURITY:
            raise Unreadable("it is encrypted in a way that is not known") from error
        raise Unreadable("it is damaged: no PDF can be made of it") from error


def _pages(document: Any, builder: TextBuilder, limits: ParseLimits) -> list[_Page]:
    count = len(document)
    if not count:
        raise Unreadable("it is damaged: it has no pages")
    if count > _MOST_PAGES:
        raise Unreadable(f"it has more than {_MOST_PAGES:,} pages", next_step="split it")
    pages: list[_Page] = []
    damaged, room = 0, limits.text_chars
    for place in range(count):
        try:
            page: Any = document[place]
            lines = lines_of(page)
            page.close()
        except pypdfium2.PdfiumError:
            damaged += 1
            continue
        room -= sum(len(line.text) + 1 for line in lines)
        if room < 0:
            raise too_much_text(limits)
        pages.append((place + 1, lines))
    if damaged == count:
        raise Unreadable("it is damaged: none of its pages can be read")
    if damaged:
        builder.warnings.append(f"{damaged} of {count} pages are damaged and were left out")
    return pages


def _warn_of_no_text(builder: TextBuilder, file: Path) -> None:
    if not _is_whole(file):
        raise Unreadable("it is damaged: cut short before any text")
    builder.warnings.append("no text: a scan")


def _is_whole(file: Path) -> bool:
    with file.open("rb") as opened:
        size = opened.seek(0, os.SEEK_END)
        opened.seek(max(0, size - _TAIL_BYTES))
        return _END_MARK in opened.read()


def _heading_levels(pages: Sequence[_Page]) -> dict[float, int]:
    """The sizes of type that are larger than the body's, the largest first."""
    letters: Counter[float] = Counter()
    for _, lines in pages:
        for line in lines:
            letters[_rounded(line.size)] += len(line.text)
    if not letters:
        return {}
    body = letters.most_common(1)[0][0]
    larger = sorted((size for size in letters if size > body * _LARGER), reverse=True)
    return {size: min(place, _DEEPEST) for place, size in enumerate(larger, start=1)}


def _rounded(size: float) -> float:
    return round(size * 2) / 2


def _blocks(
    lines: Sequence[PdfLine], levels: dict[float, int]
) -> Iterator[tuple[BlockKind, int, list[PdfLine]]]:
    """Lines that belong together: headings by size, rows by gaps, paragraphs by distance."""
    together: list[PdfLine] = []
    before: tuple[BlockKind, int] | None = None
    for place, line in enumerate(lines):
        level = levels.get(_rounded(line.size), 0) if len(line.text) <= _LONGEST_HEADING else 0
        if level:
            kind = BlockKind.HEADING
        elif _is_in_table(lines, place):
            kind = BlockKind.TABLE
        else:
            kind = BlockKind.PARAGRAPH
        is_new = kind is BlockKind.PARAGRAPH and together and _is_apart(together[-1], line)
        if together and before and (before != (kind, level) or is_new):
            yield before[0], before[1], together
            together = []
        together.append(line)
        before = kind, level
    if together and before:
        yield before[0], before[1], together


def _is_in_table(lines: Sequence[PdfLine], place: int) -> bool:
    if not lines[place].is_row:
        return False
    first = last = place
    while first > 0 and last - first < _LEAST_ROWS and lines[first - 1].is_row:
        first -= 1
    while last + 1 < len(lines) and last - first < _LEAST_ROWS and lines[last + 1].is_row:
        last += 1
    return last - first + 1 >= _LEAST_ROWS


def _is_apart(above: PdfLine, below: PdfLine) -> bool:
    """Whether a paragraph ends between two lines."""
    height = max(above.top - above.bottom, above.size, 1e-6)
    gap = above.bottom - below.top
    if gap < -height:  # the next column: a sentence may go on
        return above.text.endswith(_SENTENCE_ENDS) or not below.text[:1].islower()
    return gap > _PARAGRAPH_GAP * height


def _add(
    builder: TextBuilder, kind: BlockKind, level: int, lines: Sequence[PdfLine], page: int
) -> None:
    told = [line.row if kind is BlockKind.TABLE else line.text for line in lines]
    between = " " if kind is BlockKind.HEADING else "\n"
    at = builder.add(kind, between.join(told), level=level)
    for line, text in zip(lines, told, strict=True):
        builder.line(
            Line(
                start=at,
                end=at + len(text),
                page=page,
                left=round(line.left, 1),
                bottom=round(line.bottom, 1),
                right=round(line.right, 1),
                top=round(line.top, 1),
            )
        )
        at += len(text) + len(between)


def _date(text: str) -> int | None:
    found = _DATE.match(text)
    if not found:
        return None
    year, month, day, hour, minute, second = (int(found[each] or 0) for each in range(1, 7))
    try:
        local = dt.datetime(year, month, day, hour, minute, second, tzinfo=dt.UTC)
    except ValueError:
        return None
    offset = dt.timedelta(hours=int(found[8] or 0))
    return seconds(local + offset if found[7] == "-" else local - offset)
