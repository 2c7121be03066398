"""`chunk`: a parsed document cut into passages.

    for passage in chunk(parsed):
        parsed.text[passage.start : passage.end]

Passages partition the text, so that what is cited can be checked against the document.
Each begins where something begins: a page, a heading, a block, a row, a sentence; in this
order of preference. The blanks between two belong to the first.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from befit.knowledge.chunking.graphemes import safe_cut
from befit.knowledge.chunking.limits import ChunkLimits
from befit.knowledge.chunking.sentences import spans_within
from befit.knowledge.parsing.parsed import BlockKind, Parsed

_NONSPACE = re.compile(r"\S")
_LINE = re.compile(r"\n(?=\s*\S)")
_BY_LINE = frozenset({BlockKind.TABLE, BlockKind.LIST, BlockKind.CODE})
_LOOKAHEAD = 64  # what the sentence rules read behind a full stop


@dataclass(frozen=True, kw_only=True, slots=True)
class Chunk:
    """A passage: characters `start` to `end` of the document's text.

    Attributes:
        page: the one it stands on, of a document with pages.
    """

    start: int
    end: int
    page: int | None = None


def chunk(parsed: Parsed, limits: ChunkLimits | None = None) -> tuple[Chunk, ...]:
    """The passages of a document, in order.

    Contiguous from 0 to the end of the text, none of them blank; none for a blank text. No
    passage goes over a page's end, and none is longer than `limits` allow, blanks aside.
    """
    return tuple(_Cutter(parsed, limits or ChunkLimits()).chunks())


class _Cutter:
    def __init__(self, parsed: Parsed, limits: ChunkLimits) -> None:
        self._text = parsed.text
        self._limits = limits
        self._pages = parsed.pages
        self._page_starts = [page.start for page in parsed.pages]
        self._blocks = [block for block in parsed.blocks if block.start < block.end]
        self._starts = [block.start for block in self._blocks]
        self._by_line = [block for block in self._blocks if block.kind in _BY_LINE]
        self._by_line_starts = [block.start for block in self._by_line]
        self._by_line_ends = [block.end for block in self._by_line]

    def chunks(self) -> Iterator[Chunk]:
        stretches = list(self._stretches())
        is_short = len(stretches) == 1 and len(self._text) <= self._limits.whole
        start = 0
        for begun, end in stretches:
            body = begun
            while body < end:
                cut = end if is_short else self._content_from(self._cut(body, end), end)
                yield Chunk(start=start, end=cut, page=self._page_at(body))
                start = body = cut

    def _stretches(self) -> Iterator[tuple[int, int]]:
        """From content to content: the whole text, or what stands on each page."""
        size = len(self._text)
        body = self._content_from(0, size)
        for boundary in self._page_starts[1:]:
            following = self._content_from(boundary, size)
            if body < following < size:
                yield body, following
                body = following
        if body < size:
            yield body, size

    def _content_from(self, at: int, end: int) -> int:
        found = _NONSPACE.search(self._text, at, end)
        return found.start() if found else end

    def _cut(self, start: int, end: int) -> int:
        most, least = self._limits.most, self._limits.least
        if end - start <= most:
            return end
        limit = start + most
        # No crumb at the end: the last two share what is left, where that breaks nothing.
        gentle = min(limit, end - least)
        cut = self._best(start, gentle) or (self._best(start, limit) if gentle < limit else 0)
        return cut or self._forced(start, limit)

    def _best(self, start: int, limit: int) -> int:
        """The best place to cut, beyond `start` and not beyond `limit`; 0 where there is none."""
        least = start + self._limits.least
        blocks = self._block_cuts(start, limit)
        for wanted in (
            [at for at, is_heading in blocks if is_heading and at >= least],
            [at for at, _ in blocks if at >= least],
        ):
            if wanted:
                return wanted[-1]
        inner = self._inner_cuts(start, limit)
        if inner and inner[-1] >= least:
            return inner[-1]
        if blocks:
            return blocks[-1][0]
        return inner[-1] if inner else 0

    def _forced(self, start: int, limit: int) -> int:
        """Within a row or a line that does not fit, or behind a heading, if it must be."""
        spans = spans_within(self._text, start, limit + _LOOKAHEAD)
        within = [at for at, _ in spans if start < at <= limit]
        if within:
            return within[-1]
        space = max(self._text.rfind(" ", start, limit), self._text.rfind("\n", start, limit))
        return space + 1 if space > start else safe_cut(self._text, limit, after=start)

    def _block_cuts(self, start: int, limit: int) -> list[tuple[int, bool]]:
        """Where blocks begin, and whether a heading does; never behind a heading."""
        first = bisect_right(self._starts, start)
        last = bisect_right(self._starts, limit)
        return [
            (self._starts[place], self._blocks[place].kind is BlockKind.HEADING)
            for place in range(first, last)
            if self._blocks[place - 1].kind is not BlockKind.HEADING or place == 0
        ]

    def _inner_cuts(self, start: int, limit: int) -> list[int]:
        """Where lines of tables, lists and code begin, and sentences of all else; no blocks."""
        cuts: list[int] = []
        at = start
        first = bisect_right(self._by_line_ends, start)
        last = bisect_left(self._by_line_starts, limit)
        for block in self._by_line[first:last]:
            if block.start > at:
                cuts += self._sentence_cuts(at, block.start)
            stop = min(block.end, limit)
            cuts += self._line_cuts(max(block.start, at), stop)
            at = stop
        if at < limit:
            cuts += self._sentence_cuts(at, limit)
        return [cut for cut in cuts if start < cut <= limit and not self._begins_block(cut)]

    def _begins_block(self, at: int) -> bool:
        place = bisect_left(self._starts, at)
        return place < len(self._starts) and self._starts[place] == at

    def _sentence_cuts(self, start: int, stop: int) -> list[int]:
        # What follows the last stop is needed to tell whether it ends a sentence.
        reach = min(len(self._text), stop + _LOOKAHEAD)
        return [at for at, _ in spans_within(self._text, start, reach) if start < at <= stop]

    def _line_cuts(self, start: int, stop: int) -> list[int]:
        reach = min(len(self._text), stop + 1)
        return [
            self._content_from(found.end(), len(self._text))
            for found in _LINE.finditer(self._text, start, reach)
        ]

    def _page_at(self, at: int) -> int | None:
        place = bisect_right(self._page_starts, at) - 1
        return self._pages[max(place, 0)].number if self._pages else None
