"""Offsets are those of the text as given, whatever stands between its characters."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from befit.policy.detection.recognition import Recognition
from befit.policy.detection.recognition.reading import Reading

UNSEEN = (
    "\u200b\u200c\u200d\u2060\ufeff\u00ad\u200e\ufe0f\u0301\u3164\u115f\u1160\uffa0\u17b4\u17b5\u180b"
    "\u180f\u2065\ufff0\ufff9\u0489\u20dd\U000e0100\U000e01ef\U000e0041\U0001d173\U0001d17a\U0001bca0"
    "\x00\x01\x08\x1b\x1f\x7f\x80\x9f"
)
SAMPLES = [
    "4111111111111111",
    "jo.doe@example.org",
    "DE89370400440532013000",
    "ghp_" + "a1B2c3" * 6,
]

plain = st.text(alphabet=" abcxyz,!\u00e9\u00f1\u65e5\u672c\u0416\u05d0\U0001f600\n", max_size=20)


@given(
    st.text(max_size=60), st.text(alphabet=UNSEEN + "\uff14\u0664 \u00a0\u201c\u2013", max_size=20)
)
@settings(deadline=None)
def test_every_character_of_a_reading_stands_where_it_says(text: str, strange: str) -> None:
    given_text = text + strange + text[::-1]
    reading = Reading.of(given_text)
    for place, character in enumerate(reading.text):
        start, end = reading.original(place, place + 1)
        assert end == start + 1
        assert Reading.of(given_text[start:end]).text == character


@given(
    plain,
    plain,
    st.sampled_from(SAMPLES),
    st.lists(st.tuples(st.integers(0, 40), st.sampled_from(UNSEEN)), max_size=12),
)
@settings(max_examples=300, deadline=None)
def test_unseen_characters_change_no_finding_and_offsets_stay_right(
    before: str, after: str, sample: str, insertions: list[tuple[int, str]]
) -> None:
    written = sample
    for place, unseen in insertions:
        at = 1 + place % (len(written) - 1)
        written = written[:at] + unseen + written[at:]
    text = f"{before} {written} {after}"
    spans = [span for span in Recognition().detect(text) if text[span.start : span.end] == written]
    assert len(spans) == 1


def test_what_ends_a_line_and_blanks_stay() -> None:
    text = "a\tb\nc\r\nd\x0be\x0cf g"
    assert Reading.of(text).text is text


def test_texts_of_many_strange_characters_are_read_as_those_of_few() -> None:
    many = "".join(map(chr, range(0x660, 0x66A))) + "".join(map(chr, range(0xFF10, 0xFF20)))
    assert Reading.of(many).text == "".join(Reading.of(each).text for each in many)


def test_a_text_without_anything_strange_is_its_own_reading() -> None:
    text = "Grüße aus Zürich, 4111 \u0416 \u65e5\u672c"
    assert Reading.of(text).text is text


def test_letters_that_grow_when_made_small_move_no_offset() -> None:
    text = "İİİİİ password: Tr0ub4dor&3 İ"
    (span,) = Recognition().detect(text)
    assert text[span.start : span.end] == "Tr0ub4dor&3"
