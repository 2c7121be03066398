from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from befit.errors import ModelFailure
from befit.inference.providers.sse import EventParser

_LINE = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=30)


def _cut(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[start:end] for start, end in pairwise(places)]


@given(
    events=st.lists(st.lists(_LINE, min_size=1, max_size=3), max_size=6),
    newline=st.sampled_from([b"\n", b"\r\n"]),
    blank=st.booleans(),
    cuts=st.lists(st.integers(0, 10_000), max_size=12),
)
def test_events_are_the_same_however_tcp_cuts_them(
    events: list[list[str]], newline: bytes, blank: bool, cuts: list[int]
) -> None:
    stream = b""
    for lines in events:
        stream += b": a comment" + newline + b"event: message" + newline + b"id: 7" + newline
        for line in lines:
            prefix = b"data: " if blank or line.startswith(" ") else b"data:"
            stream += prefix + line.encode() + newline
        stream += newline
    parser = EventParser()
    found = [event for part in _cut(stream, cuts) for event in parser.feed(part)]
    assert found == ["\n".join(lines).encode() for lines in events]
    assert parser.end() == []


def test_last_event_counts_though_its_blank_line_is_missing() -> None:
    parser = EventParser()
    assert parser.feed(b"data: one\n\ndata: [DO") == [b"one"]
    assert parser.feed(b"NE]") == []
    assert parser.end() == [b"[DONE]"]


def test_byte_order_mark_is_no_part_of_the_first_line() -> None:
    assert EventParser().feed(b"\xef\xbb\xbfdata: one\n\n") == [b"one"]


@pytest.mark.parametrize("piece", [b"data: " + b"x" * 65_536, b"data: " + b"x" * 65_536 + b"\n"])
def test_endless_event_is_refused_instead_of_kept(piece: bytes) -> None:
    parser = EventParser()
    with pytest.raises(ModelFailure, match="event of more than"):
        for _ in range(200):
            parser.feed(piece)


def test_many_events_are_not_taken_for_one_large_one() -> None:
    parser = EventParser()
    event = b"data: " + b"x" * 65_536 + b"\n\n"
    assert sum(len(parser.feed(event)) for _ in range(200)) == 200
