"""`read`: a file parsed, in the process that calls it. `Parser` calls it in one of its own."""

from __future__ import annotations

from pathlib import Path

import msgspec

from befit.knowledge.parsing.builder import too_much_text, unix_newlines
from befit.knowledge.parsing.decoding import declared_in_html, decoded
from befit.knowledge.parsing.formats.archive import check_archive
from befit.knowledge.parsing.formats.delimited import read_delimited
from befit.knowledge.parsing.formats.docx import read_docx
from befit.knowledge.parsing.formats.html import read_html
from befit.knowledge.parsing.formats.pdf import read_pdf
from befit.knowledge.parsing.formats.pptx import read_pptx
from befit.knowledge.parsing.formats.sheets import read_sheets
from befit.knowledge.parsing.kinds import FileKind, kind_of
from befit.knowledge.parsing.limits import ParseLimits
from befit.knowledge.parsing.parsed import Parsed
from befit.knowledge.parsing.text import parse_text
from befit.knowledge.parsing.unreadable import Unreadable

_MOST_BYTES_A_CHAR = 4


def read(file: Path, name: str, limits: ParseLimits) -> Parsed:
    """What a file says.

    Raises:
        Unreadable: and why.
        MemoryError, RecursionError: of a hostile file, in a process with limits.
    """
    if not file.is_file():
        raise Unreadable("it is no file, or not there any more")
    size = file.stat().st_size
    if size > limits.file_bytes:
        raise Unreadable(f"it is larger than {limits.file_bytes >> 20} MB", next_step="split it")
    if not size:
        return Parsed(text="", media_type=FileKind.PLAIN.value, warnings=("no text: it is empty",))
    kind = kind_of(file, name)
    parsed = _read_as(kind, file, name, limits)
    if not parsed.text.strip() and not parsed.warnings:
        return msgspec.structs.replace(parsed, warnings=("no text",))
    return parsed


def _read_as(kind: FileKind, file: Path, name: str, limits: ParseLimits) -> Parsed:
    if kind.is_packed:
        check_archive(file, limits)
    match kind:
        case FileKind.PDF:
            return read_pdf(file, limits)
        case FileKind.DOCX:
            return read_docx(file, limits)
        case FileKind.PPTX:
            return read_pptx(file, limits)
        case FileKind.XLSX | FileKind.XLSB | FileKind.XLS | FileKind.ODS:
            return read_sheets(file, kind, limits)
        case FileKind.HTML | FileKind.MARKDOWN | FileKind.CSV | FileKind.TSV | FileKind.PLAIN:
            return _read_text(kind, file, name, limits)


def _read_text(kind: FileKind, file: Path, name: str, limits: ParseLimits) -> Parsed:
    if file.stat().st_size > _MOST_BYTES_A_CHAR * limits.text_chars:
        raise too_much_text(limits)
    data = file.read_bytes()
    declared = declared_in_html(data) if kind is FileKind.HTML else None
    text, warning = decoded(data, declared=declared)
    text = unix_newlines(text)
    match kind:
        case FileKind.HTML:
            parsed = read_html(text, limits)
        case FileKind.CSV | FileKind.TSV:
            parsed = read_delimited(text, kind, limits)
        case _:
            parsed = parse_text(text, name, limits)
    if warning:
        return msgspec.structs.replace(parsed, warnings=(warning, *parsed.warnings))
    return parsed
