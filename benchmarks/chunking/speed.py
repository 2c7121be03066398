"""How fast files of each format are read, in the process of their own, and texts cut."""

from __future__ import annotations

import html
import io
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docx
import msgspec
import pptx

from befit.knowledge.chunking import chunk, sentences
from befit.knowledge.parsing import Parser, parse_text
from tests.knowledge.parsing.office_files import row, xlsx
from tests.knowledge.parsing.pdf_files import pdf

_CUT_CHARS = 8_000_000
_LINES_A_PAGE = 55
_LINE_CHARS = 90
_PARAGRAPHS_A_SLIDE = 4


class Speed(msgspec.Struct, frozen=True, kw_only=True):
    """Megabytes a second, of the file and of the text in it."""

    what: str
    file_mb_per_s: float
    text_mb_per_s: float


def speeds(text: str) -> list[Speed]:
    """Of each format with this text in it, and of cutting it."""
    with tempfile.TemporaryDirectory() as folder, Parser() as parser:
        file = Path(folder) / "file"
        file.write_bytes(b"warm")
        parser.parse(file, "warm.txt")
        found = [_read(parser, file, name, content) for name, content in _files(text)]
    large = text * (_CUT_CHARS // len(text) + 1)
    parsed = parse_text(large)
    return [
        *found,
        _timed("chunk", large, lambda: chunk(parsed)),
        _timed("sentences", large, lambda: sentences(large)),
    ]


def _read(parser: Parser, file: Path, name: str, content: bytes) -> Speed:
    file.write_bytes(content)
    started = time.perf_counter()
    parsed = parser.parse(file, name)
    took = time.perf_counter() - started
    said = len(parsed.text.encode())
    return Speed(
        what=name, file_mb_per_s=len(content) / 1e6 / took, text_mb_per_s=said / 1e6 / took
    )


def _timed(what: str, text: str, work: Callable[[], object]) -> Speed:
    started = time.perf_counter()
    work()
    rate = len(text.encode()) / 1e6 / (time.perf_counter() - started)
    return Speed(what=what, file_mb_per_s=rate, text_mb_per_s=rate)


def _files(text: str) -> Iterator[tuple[str, bytes]]:
    paragraphs = [each for each in text.split("\n\n") if each.strip()]
    yield "text.txt", text.encode()
    yield "text.md", "".join(f"## Part\n\n{each}\n\n" for each in paragraphs).encode()
    yield "table.csv", "".join(f'{n},"{each}"\n' for n, each in enumerate(paragraphs)).encode()
    yield (
        "page.html",
        "".join(f"<h2>Part</h2><p>{html.escape(each)}" for each in paragraphs).encode(),
    )
    yield "sheet.xlsx", _sheet(paragraphs)
    yield "document.docx", _document(paragraphs)
    yield "slides.pptx", _slides(paragraphs)
    yield "document.pdf", _pdf(text)


def _sheet(paragraphs: list[str]) -> bytes:
    rows = (row(n, html.escape(_xml(each)), n) for n, each in enumerate(paragraphs, start=1))
    return xlsx({"Sheet": "".join(rows)})


def _document(paragraphs: list[str]) -> bytes:
    document = docx.Document()
    for each in paragraphs:
        document.add_heading("Part", level=2)
        document.add_paragraph(_xml(each))
    return _saved(document)


def _slides(paragraphs: list[str]) -> bytes:
    deck = pptx.Presentation()
    for first in range(0, min(len(paragraphs), 400), _PARAGRAPHS_A_SLIDE):
        slide: Any = deck.slides.add_slide(deck.slide_layouts[1])  # partly typed
        slide.shapes.title.text = "Part"
        slide.placeholders[1].text = _xml("\n".join(paragraphs[first : first + 4]))
    return _saved(deck)


def _pdf(text: str) -> bytes:
    plain = " ".join(text.encode("ascii", "replace").decode().split())[:1_000_000]
    lines = [plain[at : at + _LINE_CHARS] for at in range(0, len(plain), _LINE_CHARS)]
    return pdf(
        [
            [(40, 760 - 13 * place, 10, line) for place, line in enumerate(lines[at : at + 55])]
            for at in range(0, len(lines), _LINES_A_PAGE)
        ]
    )


def _xml(text: str) -> str:
    return "".join(each if each.isprintable() or each in "\n\t" else " " for each in text)


def _saved(document: Any) -> bytes:
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()
