"""The packaged detector as a whole: overlaps, long texts, hostile texts, real texts."""

from __future__ import annotations

import json
import os
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from befit.policy.detection.recognition import Recognition
from tests.policy.detection.recognition.seeing import found

PIECES = st.sampled_from(
    [
        "4111 1111 1111 1111", "jo@example.org", "ghp_" + "a1B2c3" * 6, "+44 20 7946 0958",
        "DE89 3704 0044 0532 0130 00", "my ssn 536904399", "password: Tr0ub4dor&3", "10.20.30.40",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "plain words", "1 2 3 4",
        "https://example.com/", "0.5", "\n", "4", "İ", "\u200b", "-", "@", "4111\n1111\n1111\n1111",
        "card", "4111", ",", "\x00", "sk-aB3dE5gH7jK9 mN1pQ3sT5vX7",
    ]
)  # fmt: skip


@given(st.lists(PIECES, max_size=60).map(" ".join))
@settings(max_examples=150, deadline=None)
def test_findings_are_in_order_and_none_overlaps_another(text: str) -> None:
    spans = Recognition().detect(text)
    for one, other in pairwise(spans):
        assert one.start < one.end <= other.start < other.end <= len(text)
        assert 0 < one.score <= 1


@given(st.lists(PIECES, min_size=1, max_size=80).map(" ".join), st.integers(40, 400))
@settings(max_examples=150, deadline=None)
def test_a_text_searched_in_parts_gives_the_same_findings(text: str, core: int) -> None:
    assert Recognition(core=core).detect(text) == Recognition().detect(text)


def test_the_stronger_reading_of_one_place_stands() -> None:
    assert found("token=ghp_" + "a1B2c3" * 6) == [("SECRET", "ghp_" + "a1B2c3" * 6)]
    assert found("https://jo:s3cretpw@example.org/") == [("SECRET", "s3cretpw")]


def test_findings_far_into_a_long_text_have_the_right_place() -> None:
    text = "lorem ipsum dolor 12 " * 10_000 + "card 4111 1111 1111 1111."
    (span,) = Recognition().detect(text)
    assert text[span.start : span.end] == "4111 1111 1111 1111"


@pytest.mark.parametrize(
    "piece",
    ["4", "4 ", "@", "a@", "a.", " ", ":", "1::", "[(", "://a:", "password=", "eyJ", "sk-", "+1 ",
     "-", "-----BEGIN PRIVATE KEY-----", "\u200b", "GB82 ", "4111 1111 1111 1112 ", "card 4 1 ",
     "4,", "4\n", "4        ", "4111,1111\n1111;1112 ", "card 4,1 ", "sk-a1b2 ", "\x00", "://4"],
)  # fmt: skip
def test_a_hostile_text_of_a_quarter_megabyte_ends(piece: str) -> None:
    """Linear time is measured by `benchmarks/detection`; a search that is not would not end."""
    Recognition().detect(piece * (250_000 // len(piece)))


def test_labelled_texts_are_found_without_false_alarms() -> None:
    root = Path(os.environ.get("BEFIT_SHARED_DATA", "../shared/data"))
    file = root / "pii_presidio_research/dev/synth_dataset_v2.jsonl"
    if not file.exists():
        pytest.skip(f"not measured: {file} is missing")
    sure = {"CREDIT_CARD", "EMAIL_ADDRESS", "IBAN_CODE", "IP_ADDRESS", "US_SSN", "DOMAIN_NAME"}
    labelled: set[tuple[str, int, int, str]] = set()
    recognised: set[tuple[str, int, int, str]] = set()
    for row in map(json.loads, file.read_text().splitlines()):
        text = row["full_text"]
        for span in row["spans"]:
            place = (span["start_position"], span["end_position"])
            labelled.add((text, *place, span["entity_type"]))
        for span in Recognition().detect(text):
            recognised.add((text, span.start, span.end, span.type))
    assert {each for each in labelled if each[3] in sure} == {
        each for each in recognised if each[3] in sure
    }
    phones = {each for each in labelled if each[3] == "PHONE_NUMBER"}
    assert len(phones & recognised) >= 0.9 * len(phones)
    assert {each for each in recognised if each[3] not in {*sure, "PHONE_NUMBER"}} == set()
