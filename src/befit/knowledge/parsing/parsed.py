"""`Parsed`: a file's text with what of its shape matters for passages and citations."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class BlockKind(StrEnum):
    """What a stretch of text is."""

    HEADING = "heading"
    PARAGRAPH = "paragraph"
    LIST = "list"
    TABLE = "table"  # one row a line, cells between ` | `, the header first
    CODE = "code"


class Block(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A stretch of text that belongs together. Blocks rise and do not overlap."""

    kind: BlockKind
    start: int
    end: int
    level: int = 0  # of a heading: 1 is the highest


class Page(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A page (of a sheet or a slide: its number) and the text on it."""

    number: int
    start: int
    end: int


class Line(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """Where a line of text stands on its page: points from the lower left corner."""

    start: int
    end: int
    page: int
    left: float
    bottom: float
    right: float
    top: float


class Parsed(msgspec.Struct, frozen=True, kw_only=True):
    """What a file says. Offsets are characters of `text`.

    Newlines of files are `\\n`; text that was given as text stays as it was given.
    """

    text: str
    media_type: str
    title: str = ""
    blocks: tuple[Block, ...] = ()
    pages: tuple[Page, ...] = ()
    lines: tuple[Line, ...] = ()
    dated_s: int | None = None
    warnings: tuple[str, ...] = ()
