"""Markdown: the text kept as it is, blocks found on it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from befit.knowledge.parsing.builder import flat
from befit.knowledge.parsing.kinds import FileKind
from befit.knowledge.parsing.limits import ParseLimits
from befit.knowledge.parsing.parsed import Block, BlockKind, Parsed

_LINE = re.compile(r"[^\n]*\n|[^\n]+\Z")
_HEADING = re.compile(r" {0,3}(#{1,6})(?=[ \t]|\r?$)")
_UNDERLINE = re.compile(r" {0,3}(=+|-+)[ \t]*\r?$")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_ITEM = re.compile(r"[ \t]{0,12}(?:[-*+]|\d{1,9}[.)])(?:[ \t]|\r?$)")
_RULE = re.compile(r" {0,3}(?:(?:-[ \t]*){3,}|(?:\*[ \t]*){3,}|(?:_[ \t]*){3,})\r?$")
_BETWEEN_HEADER = re.compile(r"[ \t]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*\r?$")
_FRONT_TITLE = re.compile(r"^title:[ \t]*[\"']?([^\n\"']{1,300})", re.MULTILINE)
_LONGEST_FRONT = 20_000


def read_markdown(text: str, limits: ParseLimits) -> Parsed:
    """The text as given, with its headings, paragraphs, lists, tables and code."""
    blocks: list[Block] = []
    for block in _Blocks(text).found():
        if len(blocks) >= limits.parts:
            break
        blocks.append(block)
    return Parsed(
        text=text,
        media_type=FileKind.MARKDOWN.value,
        title=_title(text, blocks),
        blocks=tuple(blocks),
    )


def _title(text: str, blocks: list[Block]) -> str:
    if blocks and blocks[0].kind is BlockKind.CODE and text.startswith("---"):
        told = _FRONT_TITLE.search(text, 0, blocks[0].end)
        if told:
            return flat(told[1])
    for block in blocks[:50]:
        if block.kind is BlockKind.HEADING:
            line = text[block.start : block.end].strip().partition("\n")[0]
            return flat(line.strip("#"))[:300]
    return ""


class _Blocks:
    """One pass over the lines; a block is the lines from where it begins to where it ends."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._kind: BlockKind | None = None
        self._start = 0
        self._end = 0
        self._lines = 0
        self._level = 0
        self._gap = False
        self._fence = ""

    def found(self) -> Iterator[Block]:
        at = self._front_matter()
        if at:
            yield Block(kind=BlockKind.CODE, start=0, end=len(self._text[:at].rstrip()))
        for found in _LINE.finditer(self._text, at):
            yield from self._line(found[0].rstrip("\n"), found.start(), found.end())
        yield from self._closed()

    def _front_matter(self) -> int:
        if not re.match(r"---[ \t]*\r?\n", self._text):
            return 0
        close = re.compile(r"^(?:---|\.\.\.)[ \t]*\r?$", re.MULTILINE)
        found = close.search(self._text, 3, _LONGEST_FRONT)
        return found.end() if found else 0

    def _line(self, line: str, start: int, end: int) -> Iterator[Block]:
        if self._fence:
            self._end = end
            if line.strip().startswith(self._fence) and not line.strip().strip(self._fence[0]):
                self._fence = ""
                yield from self._closed()
            return
        fence = _FENCE.match(line)
        heading = _HEADING.match(line)
        if not line.strip():
            yield from self._blank(end)
        elif fence:
            yield from self._begun(BlockKind.CODE, start, end)
            self._fence = fence[1]
        elif heading:
            yield from self._begun(BlockKind.HEADING, start, end, level=len(heading[1]))
            yield from self._closed()
        elif self._kind is BlockKind.PARAGRAPH and self._is_underline(line):
            self._level = 1 if line.strip()[0] == "=" else 2
            self._kind, self._end = BlockKind.HEADING, end
            yield from self._closed()
        elif _RULE.match(line):
            yield from self._closed()
        else:
            yield from self._text_line(line, start, end)

    def _is_underline(self, line: str) -> bool:
        return self._lines == 1 and _UNDERLINE.match(line) is not None

    def _blank(self, end: int) -> Iterator[Block]:
        # A list goes on behind a blank line, where an item or something indented follows.
        self._gap = True
        if self._kind is not BlockKind.LIST or not self._goes_on(end):
            yield from self._closed()

    def _goes_on(self, at: int) -> bool:
        following = self._text[at : at + 80]
        return following.startswith(("  ", "\t")) or _ITEM.match(following) is not None

    def _text_line(self, line: str, start: int, end: int) -> Iterator[Block]:
        is_indented = line.startswith(("    ", "\t"))
        is_item = _ITEM.match(line) is not None
        if self._takes(line, is_indented=is_indented, is_item=is_item):
            self._end = end
            self._lines += 1
        elif is_item:
            yield from self._begun(BlockKind.LIST, start, end)
        elif self._is_table_head(line, end):
            yield from self._begun(BlockKind.TABLE, start, end)
        elif self._kind is BlockKind.PARAGRAPH:
            self._end = end
            self._lines += 1
        else:
            kind = BlockKind.CODE if is_indented else BlockKind.PARAGRAPH
            yield from self._begun(kind, start, end)

    def _takes(self, line: str, *, is_indented: bool, is_item: bool) -> bool:
        """Whether the block that is open goes on with this line, whatever else it might be."""
        match self._kind:
            case BlockKind.LIST:
                return is_item or line.startswith(("  ", "\t")) or not self._gap
            case BlockKind.CODE:
                return is_indented
            case BlockKind.TABLE:
                return "|" in line
            case _:
                return False

    def _is_table_head(self, line: str, end: int) -> bool:
        if "|" not in line:
            return False
        following = self._text[end : end + 1_000].partition("\n")[0]
        return "-" in following and _BETWEEN_HEADER.match(following) is not None

    def _begun(self, kind: BlockKind, start: int, end: int, *, level: int = 0) -> Iterator[Block]:
        yield from self._closed()
        self._kind, self._start, self._end = kind, start, end
        self._lines, self._level, self._gap = 1, level, False

    def _closed(self) -> Iterator[Block]:
        if self._kind is not None:
            end = self._start + len(self._text[self._start : self._end].rstrip())
            yield Block(kind=self._kind, start=self._start, end=end, level=self._level)
        self._kind = None
