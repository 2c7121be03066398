"""The examiner: what findings ask for, and what it means when a text cannot be examined."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import pytest

from befit.policy.detection import (
    Consequence,
    Examiner,
    Span,
    default_examiner,
    known_types,
)
from befit.policy.detection.recognition import Recognition
from befit.vocabulary import DataClass, Tag


class _Found:
    """A detector that finds what it was told to, or fails."""

    version = "found/1"

    def __init__(self, *spans: Span, error: Exception | None = None) -> None:
        self._spans = spans
        self._error = error

    @property
    def types(self) -> Mapping[str, Consequence]:
        return {"EMPLOYEE_ID": Consequence(data_class=DataClass.CONFIDENTIAL)}

    def detect(self, text: str) -> tuple[Span, ...]:
        if self._error is not None:
            raise self._error
        return self._spans


@pytest.mark.parametrize(
    ("text", "data_class", "tags"),
    [
        ("card 4111111111111111", DataClass.RESTRICTED, {Tag.PCI, Tag.PII}),
        ("AKIA" + "ABCDEFGH2345WXYZ", DataClass.RESTRICTED, {Tag.SECRET}),
        ("ssn 536-90-4399", DataClass.RESTRICTED, {Tag.PII}),
        ("NHS number 943 476 5870", DataClass.RESTRICTED, {Tag.PII, Tag.PHI}),
        ("DE89370400440532013000", DataClass.CONFIDENTIAL, {Tag.PII}),
        ("jo@example.org", DataClass.INTERNAL, {Tag.PII}),
        ("from 10.20.30.40", DataClass.INTERNAL, {Tag.PII}),
        ("https://example.com/", DataClass.PUBLIC, set()),
    ],
)
def test_the_packaged_table_says_what_each_type_asks_for(
    text: str, data_class: DataClass, tags: set[Tag]
) -> None:
    examination = default_examiner().examine([text])
    assert (examination.data_class, examination.tags) == (data_class, tags)


def test_nothing_found_asks_for_nothing() -> None:
    examination = default_examiner().examine(["hello", ""])
    assert (examination.data_class, examination.tags, examination.failed) == (None, set(), None)
    assert examination.spans == ((), ())


def test_the_highest_class_and_all_tags_of_all_texts_are_joined() -> None:
    texts = ["jo@example.org", "card 4111111111111111"]
    examination = default_examiner().examine(texts)
    assert examination.data_class is DataClass.RESTRICTED
    assert examination.types == ("CREDIT_CARD", "EMAIL_ADDRESS")
    assert examination.consequence_of(0).data_class is DataClass.INTERNAL


def test_a_company_may_say_otherwise_of_single_types() -> None:
    overrides = {
        "EMAIL_ADDRESS": Consequence(data_class=DataClass.CONFIDENTIAL),
        "IP_ADDRESS": Consequence(),
    }
    examine = default_examiner(overrides).examine
    assert examine(["jo@example.org"]).data_class is DataClass.CONFIDENTIAL
    assert examine(["10.20.30.40"]).data_class is DataClass.PUBLIC
    assert examine(["card 4111111111111111"]).data_class is DataClass.RESTRICTED


def test_what_has_no_consequence_is_shown_and_not_redacted() -> None:
    examination = default_examiner().examine(["https://example.com/ and jo@example.org"])
    assert [span.type for span in examination.spans[0]] == ["DOMAIN_NAME", "EMAIL_ADDRESS"]
    assert [span.type for span in examination.sensitive[0]] == ["EMAIL_ADDRESS"]


def test_a_detector_that_fails_makes_all_of_it_restricted_and_quotes_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    broken = _Found(error=ValueError("cannot read card 4111111111111111"))
    examiner = Examiner((Recognition(), broken), Recognition().types)
    with caplog.at_level(logging.DEBUG):
        examination = examiner.examine(["card 4111111111111111"])
    assert examination.failed == "detector found/1 failed: ValueError"
    assert examination.data_class is DataClass.RESTRICTED
    assert "4111" not in caplog.text + str(examination)


def test_a_type_without_a_consequence_is_a_failure_not_an_oversight() -> None:
    unknown = _Found(Span(start=0, end=2, type="SHOE_SIZE"))
    examination = Examiner((unknown,), {}).examine(["42"])
    assert examination.failed is not None
    assert "SHOE_SIZE" in examination.failed
    assert examination.data_class is DataClass.RESTRICTED


def test_more_text_than_is_examined_counts_as_restricted() -> None:
    examiner = Examiner((Recognition(),), Recognition().types, most_characters=10)
    assert examiner.examine(["12345", "123456"]).failed == "more than 10 characters"


def test_findings_of_several_detectors_stand_together_in_order() -> None:
    own = _Found(Span(start=0, end=2, type="EMPLOYEE_ID"))
    examiner = Examiner((Recognition(), own), {**Recognition().types, **own.types})
    examination = examiner.examine(["E7 jo@example.org"])
    assert [span.type for span in examination.spans[0]] == ["EMPLOYEE_ID", "EMAIL_ADDRESS"]
    assert examination.detectors == (Recognition.version, "found/1")


def test_every_type_of_the_contract_has_a_consequence() -> None:
    contract = {
        "PERSON", "ORGANIZATION", "STREET_ADDRESS", "GPE", "ZIP_CODE", "PHONE_NUMBER",
        "EMAIL_ADDRESS", "CREDIT_CARD", "IBAN_CODE", "US_SSN", "US_DRIVER_LICENSE", "IP_ADDRESS",
        "DOMAIN_NAME", "DATE_TIME", "AGE", "TITLE", "NRP", "SECRET",
    }  # fmt: skip
    assert contract <= known_types()
