"""Months in UTC, such as `2026-11`: the stretches of time that one data key seals for."""

from __future__ import annotations

import calendar
import time


def month_of(unix_s: float) -> str:
    """The month of a moment in UTC, such as `2026-11`."""
    return time.strftime("%Y-%m", time.gmtime(unix_s))


def month_start(month: str) -> float:
    """The first Unix second of a month."""
    year, number = map(int, month.split("-"))
    return float(calendar.timegm((year, number, 1, 0, 0, 0)))


def month_end(month: str) -> float:
    """The first Unix second behind a month."""
    year, number = map(int, month.split("-"))
    following = (year + 1, 1) if number == 12 else (year, number + 1)
    return float(calendar.timegm((*following, 1, 0, 0, 0)))


def is_month(name: str) -> bool:
    """Whether a text names a month in its only spelling."""
    year, _, number = name.partition("-")
    is_number = name.isascii() and year.isdecimal() and number.isdecimal()
    return is_number and len(year) == 4 and len(number) == 2
