"""Passages partition a document, begin where something begins, and are never too long."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from befit.knowledge.chunking import Chunk, ChunkLimits, chunk
from befit.knowledge.parsing import Block, BlockKind, Page, Parsed, parse_text

SMALL = ChunkLimits(whole=120, most=60, least=20)
SENTENCE = "A sentence of forty characters is here. "


def _said(parsed: Parsed, limits: ChunkLimits) -> list[str]:
    return [parsed.text[each.start : each.end] for each in chunk(parsed, limits)]


def _assert_partition(parsed: Parsed, chunks: tuple[Chunk, ...], limits: ChunkLimits) -> None:
    text = parsed.text
    if not text.strip():
        assert chunks == ()
        return
    assert chunks[0].start == 0
    assert chunks[-1].end == len(text)
    assert all(left.end == right.start for left, right in pairwise(chunks))
    most = limits.whole if len(chunks) == 1 else limits.most
    for each in chunks:
        said = text[each.start : each.end].strip()
        assert said
        assert len(said) <= most
    assert all(not text[each.start].isspace() for each in chunks[1:])


def test_short_document_stays_whole() -> None:
    parsed = parse_text("# Title\n\n" + SENTENCE * 50, "a.md")
    assert chunk(parsed) == (Chunk(start=0, end=len(parsed.text)),)


def test_nothing_to_read_gives_no_passage() -> None:
    assert chunk(parse_text("")) == ()
    assert chunk(parse_text(" \n\t ")) == ()


def test_headings_are_preferred_to_paragraphs_and_these_to_sentences() -> None:
    paragraph = "One short sentence. Another one.\n\n"
    text = f"# A\n\n{paragraph}# B\n\n{paragraph}{paragraph}" + SENTENCE * 3
    said = _said(parse_text(text, "a.md"), SMALL)
    assert [each.split("\n")[0] for each in said[:3]] == [
        "# A",
        "# B",
        "One short sentence. Another one.",
    ]
    assert all(each.strip().endswith(".") for each in said)


def test_a_heading_stays_with_what_it_heads() -> None:
    parsed = parse_text("Some words before it, and more.\n\n# Head\n\n" + SENTENCE * 4, "a.md")
    for each in _said(parsed, SMALL):
        assert each.strip() != "# Head"
        assert not each.strip().endswith("# Head")


def test_rows_that_fit_are_never_split() -> None:
    rows = [f"item number {n} | costs {n}. It is new. | yes" for n in range(30)]
    text = "Before it.\n\nname | price | new\n" + "\n".join(rows) + "\n\nAfter it."
    table = Block(kind=BlockKind.TABLE, start=text.index("name"), end=text.index("\n\nAfter"))
    parsed = Parsed(text=text, media_type="text/csv", blocks=(table,))
    chunks = chunk(parsed, SMALL)
    _assert_partition(parsed, chunks, SMALL)
    for row in rows:
        assert any(row in text[each.start : each.end] for each in chunks)


@pytest.mark.parametrize("size", range(61, 130))
def test_a_row_that_does_not_fit_is_split_wherever_the_text_ends(size: int) -> None:
    text = ("It is so. " * 20)[:size].strip() + "."
    table = Block(kind=BlockKind.TABLE, start=0, end=len(text))
    parsed = Parsed(text=text, media_type="", blocks=(table,))
    limits = ChunkLimits(whole=60, most=60, least=20)
    _assert_partition(parsed, chunk(parsed, limits), limits)


def test_passages_end_with_their_page() -> None:
    pages = ("Cover", SENTENCE * 4, "", "Short.", SENTENCE * 3)
    text, kept = "", list[Page]()
    for number, page in enumerate(pages, start=1):
        kept.append(Page(number=number, start=len(text), end=len(text) + len(page)))
        text += page + "\n\n"
    parsed = Parsed(text=text, media_type="application/pdf", pages=tuple(kept))
    chunks = chunk(parsed, SMALL)
    _assert_partition(parsed, chunks, SMALL)
    for each in chunks:
        page = kept[(each.page or 0) - 1]
        assert page.start <= each.start
        assert text[each.start : each.end].strip() in text[page.start : page.end]
    assert [each.page for each in chunks][:2] == [1, 2]
    assert {each.page for each in chunks} == {1, 2, 4, 5}


def test_the_end_is_no_crumb() -> None:
    chunks = chunk(parse_text(SENTENCE * 100))
    assert all(each.end - each.start >= ChunkLimits().least for each in chunks)


@pytest.mark.parametrize(
    "unit",
    [
        "e\u0301",
        "\U0001f468\u200d\U0001f469\u200d\U0001f467",
        "\U0001f1e9\U0001f1ea",
        "\u0915\u094d\u0937\u093f",
        "\u1112\u1161\u11ab",
    ],
)
def test_what_reads_as_one_character_is_not_cut(unit: str) -> None:
    parsed = parse_text(unit * 200)
    for each in _said(parsed, SMALL):
        assert not len(each) % len(unit)


def test_limits_that_cannot_be_kept_are_refused() -> None:
    with pytest.raises(ValueError, match="rise"):
        ChunkLimits(whole=100, most=200)


UNITS = (
    "word",
    "Word",
    " ",
    " ",
    "\n",
    "\n\n",
    "\r\n",
    ". ",
    "! ",
    "\u3002",
    "# ",
    "- ",
    "| ",
    " | ",
    "```\n",
    "    ",
    "1. ",
    "e\u0301",
    "\u05e9\u05dc\u05d5\u05dd",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "\U0001f1e9\U0001f1ea",
    "x" * 70,
    " " * 90,
    "\u0301" * 80,
    "\x00",
    "\ud800",
    "---\n",
    "|-|-|\n",
)


@settings(max_examples=300, deadline=None)
@given(
    parts=st.lists(st.sampled_from(UNITS), max_size=120),
    name=st.sampled_from(["a.md", "a.txt"]),
    page_every=st.integers(0, 90),
)
def test_passages_partition_any_text(parts: list[str], name: str, page_every: int) -> None:
    parsed = parse_text("".join(parts), name)
    size = len(parsed.text)
    if page_every:
        pages = tuple(
            Page(number=number, start=start, end=min(size, start + page_every))
            for number, start in enumerate(range(0, size, page_every), start=1)
        )
        parsed = Parsed(text=parsed.text, media_type="", blocks=parsed.blocks, pages=pages)
    chunks = chunk(parsed, SMALL)
    _assert_partition(parsed, chunks, SMALL)
    assert chunks == chunk(parsed, SMALL)


@settings(max_examples=200, deadline=None)
@given(
    parts=st.lists(st.sampled_from(UNITS), max_size=120),
    kinds=st.lists(st.sampled_from(list(BlockKind)), min_size=1, max_size=12),
    every=st.integers(1, 150),
)
def test_passages_partition_any_text_of_any_blocks(
    parts: list[str], kinds: list[BlockKind], every: int
) -> None:
    text = "".join(parts).replace("\ud800", "")
    blocks = tuple(
        Block(kind=kind, start=place * every, end=min(len(text), (place + 1) * every), level=1)
        for place, kind in enumerate(kinds)
        if place * every < len(text)
    )
    parsed = Parsed(text=text, media_type="", blocks=blocks)
    _assert_partition(parsed, chunk(parsed, SMALL), SMALL)


@settings(max_examples=100, deadline=None)
@given(
    parts=st.lists(st.sampled_from(UNITS), max_size=150), name=st.sampled_from(["a.md", "a.txt"])
)
def test_blocks_of_any_text_rise_and_stand_within_it(parts: list[str], name: str) -> None:
    parsed = parse_text("".join(parts), name)
    at = 0
    for block in parsed.blocks:
        assert at <= block.start < block.end <= len(parsed.text)
        assert parsed.text[block.start : block.end].strip()
        at = block.end
