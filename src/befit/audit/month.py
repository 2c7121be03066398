"""Months in UTC, such as `2026-11`: the stretches of time that one data key seals for."""

from __future__ import annotations

import calendar
import re
import time

_MONTH = re.compile("[1-9][0-9]{3}-(?:0[1-9]|1[0-2])")


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
    _, days = calendar.monthrange(year, number)
    return float(calendar.timegm((year, number, days + 1, 0, 0, 0)))


def is_month(name: str) -> bool:
    """Whether a text names a month in its only spelling."""
    return _MONTH.fullmatch(name) is not None
