"""Offsets are those of the text as given, whatever stands between its characters."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from befit.policy.detection import Recognition
from befit.policy.detection.recognition.reading import Reading

UNSEEN = "\u200b\u200c\u200d\u2060\ufeff\u00ad\u200e\ufe0f\u0301"
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


def test_a_text_without_anything_strange_is_its_own_reading() -> None:
    text = "Grüße aus Zürich, 4111 \u0416 \u65e5\u672c"
    assert Reading.of(text).text is text


def test_letters_that_grow_when_made_small_move_no_offset() -> None:
    text = "İİİİİ password: Tr0ub4dor&3 İ"
    (span,) = Recognition().detect(text)
    assert text[span.start : span.end] == "Tr0ub4dor&3"
