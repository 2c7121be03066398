"""Budget money: whole nano-dollars, so that additions are exact and compare safely."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

_NANO = Decimal(1_000_000_000)


def nano_up(amount_usd: Decimal) -> int:
    """Nano-dollars of what may be spent, rounded up: never less than it costs."""
    return int((amount_usd * _NANO).to_integral_value(rounding=ROUND_CEILING))


def nano_down(amount_usd: Decimal) -> int:
    """Nano-dollars of a limit, rounded down: never more than allowed."""
    return int((amount_usd * _NANO).to_integral_value(rounding=ROUND_FLOOR))


def usd(nano: int) -> Decimal:
    """Dollars of nano-dollars."""
    return Decimal(nano) / _NANO


def shown(amount_usd: Decimal) -> str:
    """Dollars for people: at least two digits behind the point, no trailing noise."""
    text = f"{amount_usd:.9f}".rstrip("0")
    whole, _, fraction = text.partition(".")
    return f"{whole}.{fraction.ljust(2, '0')}"
