"""The statements of a Cedar file, each with the line it begins on.

The engine counts policies and names no lines; people look for lines. So a file is cut into
its statements first, and what is wrong with one is told by its line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(r'//[^\n]*|"(?:[^"\\]|\\.)*"|[^\s"/;]+|[;/"]')
"""A comment, a string, a run of other characters, or one that stands alone."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cut:
    """The text of one statement, its last `;` included, and its first line (from 1)."""

    text: str
    line: int


def cut_statements(text: str) -> Iterator[Cut]:
    """Each statement of a file; the last one may lack its `;`, which parsing then tells."""
    start: int | None = None
    for token in _TOKEN.finditer(text):
        if token[0].startswith("//"):
            continue
        if start is None:
            start = token.start()
        if token[0] == ";":
            yield _cut(text, start, token.end())
            start = None
    if start is not None:
        yield _cut(text, start, len(text))


def _cut(text: str, start: int, end: int) -> Cut:
    return Cut(text=text[start:end], line=text.count("\n", 0, start) + 1)
