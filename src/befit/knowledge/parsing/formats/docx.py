"""Word documents: headings, paragraphs, lists and tables, in the order they stand in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from docx.opc.constants import RELATIONSHIP_TYPE
from docx.opc.part import Part, XmlPart
from docx.package import Package

from befit.knowledge.parsing.builder import TextBuilder
from befit.knowledge.parsing.formats.office import Element, blaming_the_file, root_of, seconds
from befit.knowledge.parsing.kinds import FileKind
from befit.knowledge.parsing.limits import ParseLimits
from befit.knowledge.parsing.parsed import BlockKind, Parsed

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_HEADING = re.compile(r"heading (\d)")
_LEFT_OUT = frozenset({_FALLBACK, f"{_W}del", f"{_W}moveFrom", f"{_W}pPr", f"{_W}rPr"})
_SIGNS = {f"{_W}tab": "\t", f"{_W}br": "\n", f"{_W}cr": "\n", f"{_W}noBreakHyphen": "-"}
_PARAGRAPH, _TABLE, _ROW, _CELL = f"{_W}p", f"{_W}tbl", f"{_W}tr", f"{_W}tc"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Style:
    """What a style makes of a paragraph."""

    is_title: bool = False
    level: int = 0
    is_list: bool = False


def read_docx(file: Path, limits: ParseLimits) -> Parsed:
    """The body of a document. Headers, footers, comments and what was deleted are left out.

    Raises:
        Unreadable: damaged, or no Word document inside.
    """
    with blaming_the_file():
        package = Package.open(str(file))
        main = package.main_document_part
        reader = _Reader(TextBuilder(limits), _styles(main))
        body = _root(main).find(f"{_W}body")
        if body is not None:
            reader.read(body)
        core = package.core_properties
        title = reader.title or core.title or reader.builder.first_heading()
        return reader.builder.built(
            FileKind.DOCX, title=title, dated_s=seconds(core.modified or core.created)
        )


class _Reader:
    def __init__(self, builder: TextBuilder, styles: dict[str, _Style]) -> None:
        self.builder = builder
        self.title = ""
        self._styles = styles
        self._items: list[str] = []

    def read(self, body: Element) -> None:
        for element in _contents(body):
            if element.tag == _TABLE:
                self._end_list()
                self.builder.table(_rows(element))
            else:
                self._paragraph(element)
        self._end_list()

    def _paragraph(self, paragraph: Element) -> None:
        text = _text(paragraph)
        if not text.strip():
            return
        properties = paragraph.find(f"{_W}pPr")
        style = self._styles.get(_value(properties, "pStyle"), _Style())
        level = _outline_level(properties) or style.level
        is_numbered = properties is not None and properties.find(f"{_W}numPr") is not None
        if style.is_list or (is_numbered and not level):
            self._items.append("- " + text.strip().replace("\n", "\n  "))
            return
        self._end_list()
        if style.is_title and not self.title:
            self.title = text
        if level or style.is_title:
            self.builder.add(BlockKind.HEADING, " ".join(text.split()), level=level or 1)
        else:
            self.builder.add(BlockKind.PARAGRAPH, text)

    def _end_list(self) -> None:
        if self._items:
            self.builder.add(BlockKind.LIST, "\n".join(self._items))
            self._items = []


def _contents(element: Element) -> Iterator[Element]:
    """Paragraphs and tables in order, also those within content controls and insertions."""
    for child in element:
        if child.tag in {_PARAGRAPH, _TABLE}:
            yield child
        elif isinstance(child.tag, str) and child.tag not in _LEFT_OUT:
            yield from _contents(child)


def _rows(table: Element) -> Iterator[Iterator[str]]:
    for row in _children(table, _ROW):
        yield (" ".join(_cell_texts(cell)) for cell in _children(row, _CELL))


def _children(element: Element, tag: str) -> Iterator[Element]:
    for child in element:
        if child.tag == tag:
            yield child
        elif isinstance(child.tag, str) and child.tag not in {_PARAGRAPH, _TABLE, *_LEFT_OUT}:
            yield from _children(child, tag)


def _cell_texts(cell: Element) -> Iterator[str]:
    for element in _contents(cell):
        if element.tag == _TABLE:
            for row in _rows(element):
                yield from row
        else:
            yield _text(element)


def _text(paragraph: Element) -> str:
    parts: list[str] = []
    _gather(paragraph, parts)
    return "".join(parts)


def _gather(element: Element, parts: list[str]) -> None:
    # The XML parser refuses what is nested deeper than 256: this cannot recurse further.
    for child in element:
        tag = child.tag
        if tag == f"{_W}t":
            parts.append(child.text or "")
        elif tag in _SIGNS:
            parts.append(_SIGNS[tag])
        elif isinstance(tag, str) and tag not in _LEFT_OUT:
            if tag == _PARAGRAPH:  # of a text box
                parts.append("\n")
            _gather(child, parts)


def _styles(main: Part) -> dict[str, _Style]:
    """By id. Names are English in every language; a style takes after the one it is based on."""
    try:
        part = main.part_related_by(RELATIONSHIP_TYPE.STYLES)
    except KeyError:
        return {}
    styles: dict[str, _Style] = {}
    for element in _root(part).iter(f"{_W}style"):
        name = _value(element, "name").casefold()
        properties = element.find(f"{_W}pPr")
        heading = _HEADING.match(name)
        base = styles.get(_value(element, "basedOn"), _Style())
        is_numbered = properties is not None and properties.find(f"{_W}numPr") is not None
        level = int(heading[1]) if heading else _outline_level(properties) or base.level
        styles[element.get(f"{_W}styleId", "")] = _Style(
            is_title=name == "title",
            level=level,
            is_list=not level and (name.startswith("list") or is_numbered or base.is_list),
        )
    return styles


def _root(part: Part) -> Element:
    # Of a part whose type the library does not know, such as one with macros, there are bytes.
    return part.element if isinstance(part, XmlPart) else root_of(part.blob)


def _value(element: Element | None, name: str) -> str:
    found = element.find(f"{_W}{name}") if element is not None else None
    return found.get(f"{_W}val", "") if found is not None else ""


def _outline_level(properties: Element | None) -> int:
    told = _value(properties, "outlineLvl")
    return int(told) + 1 if told.isdigit() and int(told) < 9 else 0
