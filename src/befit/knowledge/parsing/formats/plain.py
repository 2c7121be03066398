"""Plain text: kept as it is, paragraphs found on it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from befit.knowledge.parsing.kinds import FileKind
from befit.knowledge.parsing.limits import ParseLimits
from befit.knowledge.parsing.parsed import Block, BlockKind, Parsed

# A paragraph ends before a line that is blank. Possessive: no text makes it look twice.
_PARAGRAPH = re.compile(r"[^\s](?:[^\n]++|\n(?![^\S\n]*+(?:\n|\Z)))*+")


def read_plain(text: str, limits: ParseLimits) -> Parsed:
    """The text as given, with its paragraphs."""
    blocks: list[Block] = []
    for start, end in _paragraphs(text):
        if len(blocks) >= limits.parts:
            break
        blocks.append(Block(kind=BlockKind.PARAGRAPH, start=start, end=end))
    return Parsed(text=text, media_type=FileKind.PLAIN.value, blocks=tuple(blocks))


def _paragraphs(text: str) -> Iterator[tuple[int, int]]:
    for found in _PARAGRAPH.finditer(text):
        yield found.start(), found.start() + len(found[0].rstrip())
