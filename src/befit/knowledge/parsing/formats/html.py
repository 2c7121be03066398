"""HTML: what a reader of the page reads, without its menus, scripts and forms."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator

from selectolax.lexbor import LexborHTMLParser, LexborNode, SelectolaxError

from befit.knowledge.parsing.builder import TextBuilder, flat, row_line
from befit.knowledge.parsing.formats.office import seconds
from befit.knowledge.parsing.kinds import FileKind
from befit.knowledge.parsing.limits import ParseLimits
from befit.knowledge.parsing.parsed import BlockKind, Parsed

_NOT_READ = """
script style noscript template svg math canvas iframe object embed audio video map
nav footer aside head button select textarea input dialog
"""
_BLOCK_LEVEL = """
address article blockquote body center dd details div dl dt fieldset figcaption figure form header
hgroup html legend main p section summary hr tr td th tbody thead tfoot table caption ul ol menu
"""
_LEFT_OUT = frozenset(_NOT_READ.split())
_FLOW = frozenset(_BLOCK_LEVEL.split())
_ROLES_LEFT_OUT = frozenset({"navigation", "banner", "contentinfo", "search", "complementary"})
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_LISTS = frozenset({"ul", "ol", "menu"})
_BLANKS = re.compile(r"[ \t\r\n\f]+")
_HIDDEN = re.compile(r"(?:display\s*:\s*none|visibility\s*:\s*hidden)", re.IGNORECASE)
_LEAST_MAIN_CHARS = 200
_LEAST_MAIN_SHARE = 0.2
_DATED = (
    'meta[property="article:modified_time"]',
    'meta[property="article:published_time"]',
    'meta[name="date"]',
    'meta[name="dcterms.modified"]',
)


def read_html(text: str, limits: ParseLimits) -> Parsed:
    """The page's own content: its `main` where it has one, else its body.

    Raises:
        Unreadable: its text is too long.
        MemoryError: it takes more than this process may have.
    """
    try:
        page = LexborHTMLParser(text)
    except SelectolaxError as error:  # it takes any markup; only memory can be missing
        raise MemoryError from error
    whole = _read(page.body, limits)
    main = page.css_first("main, [role=main]", default=None)
    if main is not None:
        part = _read(main, limits)
        if part.length >= max(_LEAST_MAIN_CHARS, _LEAST_MAIN_SHARE * whole.length):
            whole = part
    title = page.css_first("title", default=None)
    told = flat(title.text()) if title is not None else ""
    return whole.built(FileKind.HTML, title=told or whole.first_heading(), dated_s=_dated(page))


def _read(root: LexborNode | None, limits: ParseLimits) -> TextBuilder:
    reader = _Reader(TextBuilder(limits))
    if root is not None:
        for node, is_end in _walked(root):
            reader.take(node, is_end=is_end)
    reader.end()
    return reader.builder


def _walked(root: LexborNode) -> Iterator[tuple[LexborNode, bool]]:
    """Each node as it begins and as it ends, however deep: no recursion."""
    above: list[LexborNode] = []
    node: LexborNode | None = root
    while node is not None:
        yield node, False
        child = None if _is_left_out(node) else node.first_child
        if child is not None:
            above.append(node)
            node = child
            continue
        yield node, True
        following = node.next if above else None
        while following is None and above:
            node = above.pop()
            yield node, True
            following = node.next if above else None
        node = following


def _is_left_out(node: LexborNode) -> bool:
    if not node.is_element_node:
        return True
    if node.tag in _LEFT_OUT:
        return True
    attributes = node.attributes
    if not attributes:
        return False
    return (
        "hidden" in attributes
        or attributes.get("aria-hidden") == "true"
        or (attributes.get("role") or "") in _ROLES_LEFT_OUT
        or _HIDDEN.search(attributes.get("style") or "") is not None
    )


class _Reader:
    """Gathers inline text, and adds a block where one ends."""

    def __init__(self, builder: TextBuilder) -> None:
        self.builder = builder
        self._inline: list[str] = []
        self._items: list[str] = []
        self._lists = 0
        self._rows: list[list[str]] = []
        self._tables = 0

    def take(self, node: LexborNode, *, is_end: bool) -> None:
        tag = node.tag or ""
        if node.is_text_node or tag == "br":
            if not is_end:
                self._inline.append("\v" if tag == "br" else node.text_content or "")
        elif tag == "table":
            self._table(is_end=is_end)
        elif self._tables:
            self._within_table(tag, is_end=is_end)
        elif tag in _HEADINGS:
            self._break(BlockKind.HEADING if is_end else BlockKind.PARAGRAPH, _HEADINGS[tag])
        elif tag == "pre":
            self._break(BlockKind.CODE if is_end else BlockKind.PARAGRAPH)
        elif tag in _LISTS:
            self._list(is_end=is_end)
        elif tag == "li":
            self._break(BlockKind.PARAGRAPH)
        elif tag in _FLOW:
            self._flow()

    def _within_table(self, tag: str, *, is_end: bool) -> None:
        if self._tables == 1 and tag in {"tr", "td", "th"}:
            self._cell(tag, is_end=is_end)
        elif tag in _FLOW or tag in _HEADINGS or tag == "li":
            self._inline.append(" ")

    def end(self) -> None:
        self._break(BlockKind.PARAGRAPH)
        self._end_list()
        if self._rows:
            self.builder.table(self._rows)

    def _flow(self) -> None:
        if self._lists:
            self._inline.append("\v")
        else:
            self._break(BlockKind.PARAGRAPH)

    def _break(self, kind: BlockKind, level: int = 0) -> None:
        """End what was gathered, as a block of its kind."""
        raw = "".join(self._inline)
        self._inline = []
        text = raw.replace("\v", "\n") if kind is BlockKind.CODE else _collapsed(raw)
        if not text.strip():
            return
        if kind is BlockKind.HEADING:
            self._end_list()
            text = flat(text)
        elif self._lists and kind is BlockKind.PARAGRAPH:
            self._items.append(self._item(text))
            return
        self._end_list()
        self.builder.add(kind, text, level=level)

    def _item(self, text: str) -> str:
        indent = "  " * (min(max(self._lists, 1), 6) - 1)
        return f"{indent}- " + text.replace("\n", f"\n{indent}  ")

    def _list(self, *, is_end: bool) -> None:
        self._break(BlockKind.PARAGRAPH)
        self._lists = max(0, self._lists - 1) if is_end else self._lists + 1
        if not self._lists:
            self._end_list()

    def _end_list(self) -> None:
        if self._items:
            self.builder.add(BlockKind.LIST, "\n".join(self._items))
            self._items = []

    def _table(self, *, is_end: bool) -> None:
        if self._tables == 0:
            self._break(BlockKind.PARAGRAPH)
            self._end_list()
        self._tables += -1 if is_end else 1
        if is_end and self._tables == 0:
            self._cell("td", is_end=True)
            rows, self._rows = self._rows, []
            self._add_rows(rows)

    def _add_rows(self, rows: list[list[str]]) -> None:
        if max(map(len, rows), default=0) > 1:
            self.builder.table(rows)
            return
        for row in rows:  # one column lays out a page and tells nothing of a table
            self.builder.add(BlockKind.PARAGRAPH, row_line(row))

    def _cell(self, tag: str, *, is_end: bool) -> None:
        text = flat("".join(self._inline))
        self._inline = []
        if tag == "tr" and not is_end:
            self._rows.append([])
        elif text or (is_end and tag in {"td", "th"}):
            if not self._rows:
                self._rows.append([])
            self._rows[-1].append(text)


def _collapsed(raw: str) -> str:
    lines = (_BLANKS.sub(" ", line).strip() for line in raw.split("\v"))
    return "\n".join(line for line in lines if line)


def _dated(page: LexborHTMLParser) -> int | None:
    for selector in _DATED:
        node = page.css_first(selector, default=None)
        told = (node.attributes.get("content") or "") if node is not None else ""
        try:
            return seconds(dt.datetime.fromisoformat(told.strip()))
        except ValueError:
            continue
    return None
