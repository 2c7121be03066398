"""Each mark goes to the statement that it stands in, or behind."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from befit.knowledge.answers.statements import statements_in


def test_marks_stand_in_behind_and_before_what_they_are_of() -> None:
    text = "Hotels cost 120 EUR [1]. Flights are booked early. [2]\n[3] Trains are free.\n"
    found = statements_in(text)
    assert [(text[each.start : each.end], each.cited) for each in found] == [
        ("Hotels cost 120 EUR [1].", (1,)),
        ("Flights are booked early. [2]", (2,)),
        ("[3] Trains are free.", (3,)),
    ]


@given(st.lists(st.integers(1, 99), min_size=1, max_size=300))
def test_of_many_statements_each_has_its_own_mark(marks: list[int]) -> None:
    text = " ".join(f"Hotels cost 120 EUR a night in Berlin. [{mark}]" for mark in marks)
    assert [each.cited for each in statements_in(text)] == [(mark,) for mark in marks]
