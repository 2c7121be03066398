"""Redaction and the way back, in whole texts and in streams cut anywhere."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from befit.policy.detection import Redacted, Span, redact
from befit.policy.detection.recognition import Recognition


def _redacted(*texts: str) -> Redacted:
    return redact(texts, [Recognition().detect(text) for text in texts])


def test_one_value_has_one_placeholder_in_all_texts() -> None:
    done = _redacted("card 4111111111111111", "again 4111111111111111, or 5555555555554444")
    assert done.texts == ("card [CREDIT_CARD_1]", "again [CREDIT_CARD_1], or [CREDIT_CARD_2]")


def test_restoring_gives_each_way_of_writing_back_as_it_was() -> None:
    text = "4111111111111111 is 4111 1111 1111 1111"
    done = _redacted(text)
    assert "4111" not in done.texts[0]
    assert done.restorer.restore(done.texts[0]) == text


def test_a_text_that_holds_a_placeholder_already_keeps_it() -> None:
    text = "template [CREDIT_CARD_1] and \\[credit card 2\\]: 4111111111111111"
    done = _redacted(text)
    assert done.texts[0].endswith("[CREDIT_CARD_3]")
    assert done.restorer.restore(done.texts[0]) == text


@pytest.mark.parametrize(
    "written",
    ["[CREDIT_CARD_1]", "[credit_card_1]", "[ CREDIT_CARD_1 ]", r"\[CREDIT\_CARD\_1\]",
     "[Credit Card 1]", "[CREDIT-CARD-1]", r"\[CREDIT_CARD_1\]"],
)  # fmt: skip
def test_what_can_only_mean_one_placeholder_is_restored(written: str) -> None:
    restorer = _redacted("4111111111111111").restorer
    assert restorer.restore(f"charge {written}.") == "charge 4111111111111111."


@pytest.mark.parametrize(
    "written",
    ["[CREDIT_CARD_2]", "[CREDIT_CARD_11]", "CREDIT_CARD_1", "[CREDIT_CARD]", "[CREDIT_CARD_1",
     "[]", "[[1]]", "[CREDIT\nCARD_1]"],
)  # fmt: skip
def test_anything_else_is_left_as_it_is(written: str) -> None:
    assert _redacted("4111111111111111").restorer.restore(written) == written


def test_findings_that_overlap_are_replaced_together() -> None:
    spans = [Span(start=2, end=6, type="A"), Span(start=4, end=9, type="B")]
    assert redact(["0123456789"], [spans]).texts == ("01[A_1]9",)


def test_nothing_found_changes_nothing() -> None:
    done = _redacted("hello [X_1]", "")
    assert done.texts == ("hello [X_1]", "")
    stream = done.restorer.stream()
    assert stream.feed("a [X_1") + stream.end() == "a [X_1"


VALUES = ["4111111111111111", "jo@example.org", "DE89370400440532013000", "5555555555554444"]
answers = st.lists(
    st.one_of(
        st.sampled_from(
            ["[CREDIT_CARD_1]", "[CREDIT_CARD_2]", "[EMAIL_ADDRESS_1]", "[IBAN_CODE_1]",
             "[credit card 1]", r"\[IBAN\_CODE\_1\]", "[CREDIT_CARD_12]", "[CREDIT_", "[", "]",
             "\\", "\\[", "[[EMAIL_ADDRESS_1]]", "[EMAIL_ADDRESS_1\\]", "[see](link)"]
        ),
        st.text(alphabet="ab []\\_1C\n", max_size=8),
    ),
    max_size=14,
).map("".join)  # fmt: skip


@given(answers, st.lists(st.integers(0, 200), max_size=30))
@settings(max_examples=600, deadline=None)
def test_a_stream_cut_anywhere_is_restored_as_the_whole_text(answer: str, cuts: list[int]) -> None:
    restorer = _redacted(*VALUES).restorer
    places = sorted({0, len(answer), *(cut % (len(answer) + 1) for cut in cuts)})
    stream = restorer.stream()
    parts = [answer[start:end] for start, end in pairwise(places)]
    told = [stream.feed(part) for part in parts] + [stream.end()]
    assert "".join(told) == restorer.restore(answer)


@given(answers)
@settings(max_examples=200, deadline=None)
def test_a_stream_never_lets_half_a_placeholder_out(answer: str) -> None:
    restorer = _redacted(*VALUES).restorer
    stream, out = restorer.stream(), ""
    for character in answer:
        out += stream.feed(character)
        assert restorer.restore(answer).startswith(out)
        assert len(stream._held) <= len("[EMAIL_ADDRESS_1]") + 10


@given(
    st.lists(st.sampled_from([*VALUES, "word", "[CREDIT_CARD_1]", "[iban code 1]"]), max_size=12)
)
def test_redacting_and_restoring_gives_the_text_back(words: list[str]) -> None:
    text = " and ".join(words)
    done = _redacted(text)
    assert done.restorer.restore(done.texts[0]) == text
    assert not any(value in done.texts[0] for value in VALUES)
