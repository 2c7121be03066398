"""Where sentences end, by rules."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from befit.knowledge.chunking import MOST_SENTENCE_CHARS, sentences


def _said(text: str) -> list[str]:
    return [text[start:end] for start, end in sentences(text)]


@pytest.mark.parametrize(
    "parts",
    [
        ["It rains.", "We stay in!", "Why?", "Because\u2026", "So."],
        ["Dr. Vale and Mrs. Oak met at 5 p.m. in Fig. 3.", "They left."],
        ["It costs 3.50 a day, i.e. nothing.", "See Sec. 4.2 for more."],
        ["The U.S. market grew.", "He lives in the U.S.", "The market did not."],
        ["J. R. Vale wrote it.", "Acme Ltd. prints it."],
        ['"Really?" she asked.', '"Yes."', "He nodded (twice).", "(It was late.)"],
        ["Version 2.", "Ready."],
        ["Am 3. Oktober ist frei.", "Das gilt z.B. auch hier."],
        [
            "\u8d39\u7528\u7531\u516c\u53f8\u652f\u4ed8\u3002",
            "\u771f\u7684\u5417\uff1f",
            "\u5bf9\uff01",
        ],
        ["\u0647\u0644 \u0647\u0630\u0627 \u0635\u062d\u064a\u062d\u061f", "\u0646\u0639\u0645."],
        ["\u092f\u0939 \u0938\u091a \u0939\u0948\u0964", "\u0939\u093e\u0901\u0964"],
    ],
)
def test_sentences_end_where_a_reader_ends_them(parts: list[str]) -> None:
    assert _said(" ".join(parts)) == parts


def test_wrapped_lines_are_read_on_and_paragraphs_are_not() -> None:
    text = (
        "This sentence was wrapped at a width of sixty characters,\nand goes on. Then another\n"
        "one.\n\nA paragraph without an end\n\nand the next"
    )
    assert _said(text) == [
        "This sentence was wrapped at a width of sixty characters,\nand goes on.",
        "Then another\none.",
        "A paragraph without an end",
        "and the next",
    ]


def test_items_rows_and_short_lines_are_sentences_of_their_own() -> None:
    text = (
        "Bring:\n- a coat\n- two pens\n1. Sign here\n2. Go\n\n"
        "Item | Price\nBolt | 3.50\n\nVale\nMain Road 5"
    )
    assert _said(text) == [
        "Bring:",
        "- a coat",
        "- two pens",
        "1. Sign here",
        "2. Go",
        "Item | Price",
        "Bolt | 3.50",
        "Vale",
        "Main Road 5",
    ]


def test_what_has_no_end_is_cut_at_clauses_else_words_else_characters() -> None:
    clauses = _said("one clause, " * 200)
    assert all(each.endswith("clause,") for each in clauses)
    assert all(each.endswith("word") for each in _said("word " * 500))
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
    for each in _said(family * 400):
        assert len(each) <= MOST_SENTENCE_CHARS
        assert not len(each) % len(family)


@given(
    st.text(
        alphabet=st.sampled_from(list("ab .!?\n\r\t|-1,\u3002\u0301\u200d\U0001f1e9\u05d0 ")),
        max_size=400,
    )
)
def test_sentences_rise_and_hold_all_that_is_not_blank(text: str) -> None:
    spans = sentences(text)
    held = [False] * len(text)
    at = 0
    for start, end in spans:
        assert at <= start < end <= len(text)
        assert text[start:end] == text[start:end].strip()
        assert end - start <= MOST_SENTENCE_CHARS
        held[start:end] = [True] * (end - start)
        at = end
    assert all(
        is_held or character.isspace() for is_held, character in zip(held, text, strict=True)
    )
    assert spans == sentences(text)


@pytest.mark.parametrize(
    "text",
    [
        "x" * 50_000,
        "a. " * 50_000,
        "\n" * 50_000,
        "- \n" * 50_000,
        "1." * 50_000,
        "." * 50_000,
        "?)" * 50_000,
        "\u3002" * 50_000,
        ". \u200b" * 50_000,
        " " * 50_000,
    ],
)
def test_monotonous_text_costs_no_more_than_any_other(text: str) -> None:
    held = sum(end - start for start, end in sentences(text))
    assert held <= len(text)
