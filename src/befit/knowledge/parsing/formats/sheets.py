"""Spreadsheets (XLSX, XLSB, XLS, ODS): each sheet is a page, each row a line."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    PasswordError,
    SheetTypeEnum,
    SheetVisibleEnum,
)

from befit.knowledge.parsing.builder import TextBuilder
from befit.knowledge.parsing.kinds import FileKind
from befit.knowledge.parsing.limits import ParseLimits
from befit.knowledge.parsing.parsed import BlockKind, Parsed
from befit.knowledge.parsing.unreadable import Unreadable

Cell = int | float | str | bool | dt.time | dt.date | dt.datetime | dt.timedelta


def read_sheets(file: Path, kind: FileKind, limits: ParseLimits) -> Parsed:
    """The values of all visible sheets, as they were last calculated.

    Raises:
        Unreadable: encrypted or damaged.
    """
    builder = TextBuilder(limits)
    try:
        with file.open("rb") as opened:
            book = CalamineWorkbook.from_filelike(opened)
        number = hidden = 0
        for sheet in book.sheets_metadata:
            if sheet.typ is not SheetTypeEnum.WorkSheet:
                continue
            if sheet.visible is not SheetVisibleEnum.Visible:
                hidden += 1
                continue
            number += 1
            builder.page(number)
            builder.add(BlockKind.HEADING, sheet.name, level=1)
            builder.table(_rows(book.get_sheet_by_name(sheet.name)))
    except PasswordError as error:
        raise Unreadable("it is encrypted", next_step="save it without a password") from error
    except (CalamineError, OSError) as error:
        # Not in the library's words: they quote the file.
        raise Unreadable(f"it is damaged inside ({type(error).__name__})") from error
    if hidden:
        builder.warnings.append(f"left out: hidden sheets ({hidden})")
    return builder.built(kind)


def _rows(sheet: CalamineSheet) -> Iterator[Iterator[str]]:
    for row in sheet.iter_rows():
        yield map(_told, row)


def _told(cell: Cell) -> str:
    match cell:
        case str():
            return cell
        case bool():
            return "TRUE" if cell else "FALSE"
        case float():
            return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
        case dt.datetime() if cell.time() != dt.time():
            return cell.isoformat(" ")
        case dt.datetime():
            return cell.date().isoformat()
        case dt.date() | dt.time():
            return cell.isoformat()
        case _:
            return str(cell)
