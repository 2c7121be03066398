"""Presentations: each slide is a page; its title first, its notes last."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pptx import Presentation
from pptx.shapes.base import BaseShape
from pptx.shapes.graphfrm import GraphicFrame
from pptx.shapes.group import GroupShape
from pptx.slide import Slide
from pptx.text.text import TextFrame

from befit.knowledge.parsing.builder import TextBuilder
from befit.knowledge.parsing.formats.office import Element, blaming_the_file, seconds
from befit.knowledge.parsing.kinds import FileKind
from befit.knowledge.parsing.limits import ParseLimits
from befit.knowledge.parsing.parsed import BlockKind, Parsed

_OF_NO_ONE = frozenset({"powerpoint presentation", "presentation", "slide 1"})
_VERTICAL_TAB = "\v"  # a line break within a paragraph


def read_pptx(file: Path, limits: ParseLimits) -> Parsed:
    """The text of all visible slides and of their notes.

    Raises:
        Unreadable: damaged, or no presentation inside.
    """
    builder = TextBuilder(limits)
    with blaming_the_file():
        hidden = 0
        presentation = Presentation(str(file))
        for number, slide in enumerate(presentation.slides, start=1):
            element: Element = slide.element
            if element.get("show") in {"0", "false"}:
                hidden += 1
                continue
            builder.page(number)
            _read_slide(builder, slide)
        if hidden:
            builder.warnings.append(f"left out: hidden slides ({hidden})")
        core: Any = presentation.core_properties  # partly typed
        told = core.title if core.title.casefold().strip() not in _OF_NO_ONE else ""
        return builder.built(
            FileKind.PPTX,
            title=told or builder.first_heading(),
            dated_s=seconds(core.modified or core.created),
        )


def _read_slide(builder: TextBuilder, slide: Slide) -> None:
    title = slide.shapes.title
    if title is not None:
        builder.add(BlockKind.HEADING, " ".join(title.text_frame.text.split()), level=1)
    for shape in _flattened(slide.shapes):
        if title is not None and shape.shape_id == title.shape_id:
            continue
        if isinstance(shape, GraphicFrame) and shape.has_table:
            builder.table((cell.text for cell in row.cells) for row in shape.table.rows)
        elif shape.has_text_frame:
            _read_frame(builder, shape.text_frame)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownArgumentType]  # has_text_frame says that it has one
    if slide.has_notes_slide:
        notes = slide.notes_slide.notes_text_frame
        if notes is not None:
            builder.add(BlockKind.PARAGRAPH, _lines(notes))


def _read_frame(builder: TextBuilder, frame: TextFrame) -> None:
    paragraphs = [each.text.replace(_VERTICAL_TAB, "\n") for each in frame.paragraphs]
    said = [each.strip() for each in paragraphs if each.strip()]
    if len(said) > 1:
        builder.add(BlockKind.LIST, "\n".join("- " + each.replace("\n", "\n  ") for each in said))
    elif said:
        builder.add(BlockKind.PARAGRAPH, said[0])


def _lines(frame: TextFrame) -> str:
    return frame.text.replace(_VERTICAL_TAB, "\n")


def _flattened(shapes: Iterable[BaseShape]) -> Iterator[BaseShape]:
    # The XML parser refuses what is nested deeper than 256: groups end before Python does.
    for shape in shapes:
        if isinstance(shape, GroupShape):
            yield from _flattened(shape.shapes)
        else:
            yield shape
