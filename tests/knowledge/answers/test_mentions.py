"""Which of many alike a text speaks of."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from befit.knowledge.answers.mentions import mentions_in


@pytest.mark.parametrize(
    ("text", "slot", "values"),
    [
        ("How often is scanner 5 calibrated?", "scanner #", {"5"}),
        ("Scanners 2, 3 and 5 stand in the archive.", "scanner #", {"2", "3", "5"}),
        ("Room 11 seats 6 people.", "room #", {"11"}),
        ("Bands P5 to P9 are paid monthly.", "p#", {"p5", "p9"}),
        ("Use form T-5.", "form #", {"t5"}),
        ("In 2026 wages rise.", "year", {"2026"}),
        ("closed from 24 December 2026 to 3 January 2027", "year", {"2026", "2027"}),
        ("Who is the manager in Cloudbury?", "in ~", {"cloudburi"}),
        ("Ribwell is paid within 30 days.", "~ paid", {"ribwel"}),
        ("What is the finance department's budget?", "* department", {"financ"}),
        ("Part-time employees have 20 days.", "* employee", {"part-time"}),
        ("The budget 2024 was approved on 14 December 2023.", "year", {"2024"}),
        ("It was approved on 14 December 2023.", "year", {"2023"}),
        ("On-call rota March 2026", "month", {"march"}),
    ],
)
def test_a_value_stands_in_the_slot_that_another_would_take(
    text: str, slot: str, values: set[str]
) -> None:
    assert mentions_in(text).values[slot] == values


@pytest.mark.parametrize(
    "text",
    [
        "May 20 people meet there?",
        "Can I spend 150 crowns on a hotel?",
        "Is it more than 2000 euro?",
        "Which department pays?",
        "Is the office open on 15 July?",
        "When may I visit?",
        "WHAT DOES THE SCANNER COST",
        "Receipts are kept how long?",
    ],
)
def test_how_many_and_what_opens_a_question_name_nothing(text: str) -> None:
    assert mentions_in(text, is_question=True).values == {}


def test_a_span_holds_what_lies_between_and_nothing_else() -> None:
    bands = mentions_in("Bands P5 to P9 get a car.")
    assert bands.holds("p#", "p7")
    assert not bands.holds("p#", "p10")
    assert not bands.holds("q#", "q7")
    assert mentions_in("Since 2019 the fee is waived.").holds("year", "2026")
    assert not mentions_in("In 2019 the fee was waived.").holds("year", "2026")


def test_who_asks_without_capitals_names_a_place_all_the_same() -> None:
    asked = mentions_in("what may a hotel in thunderham cost?", is_question=True)
    assert asked.values["in ~"] == {"thunderham"}
    assert "in ~" not in mentions_in("it is kept in winter").values


def test_a_text_of_any_length_is_read_no_further_than_a_query_is() -> None:
    far = "a" * 200_000 + " scanner 5"
    assert mentions_in(far, is_question=True).values == {}


@given(st.text(max_size=200))
def test_any_text_is_read(text: str) -> None:
    for is_question in (True, False):
        mentions = mentions_in(text, is_question=is_question)
        assert all(values for values in mentions.values.values())
