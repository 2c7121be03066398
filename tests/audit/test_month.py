"""A month is a stretch of time, and what is none is not taken for one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from befit.audit.month import is_month, month_end, month_of, month_start


@pytest.mark.parametrize(
    "name",
    [
        "",
        "2026",
        "2026-13",
        "2026-00",
        "0000-01",
        "2026-1",
        "26-01",
        "2026-01\n",
        "2026-\u0661\u0661",
    ],
)
def test_what_names_no_month_is_none(name: str) -> None:
    assert not is_month(name)


@given(st.integers(1000, 9999), st.integers(1, 12))
def test_every_month_has_a_beginning_and_an_end(year: int, number: int) -> None:
    name = f"{year}-{number:02}"
    assert is_month(name)
    assert month_of(month_start(name)) == name
    assert month_of(month_end(name) - 1) == name
    assert month_of(month_end(name)) != name
