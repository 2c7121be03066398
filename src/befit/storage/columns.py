"""Column types: money in whole nano-dollars, sets of words, all of them sortable text or integers.

Money is kept as an integer number of 1e-9 USD, so that sums are exact in every dialect
and up to nine billion dollars fit.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

import msgspec
from sqlalchemy import BigInteger, Dialect, Text, TypeDecorator

from befit.vocabulary import DataClass

_NANO = Decimal(1_000_000_000)
_decode_words = msgspec.json.Decoder(list[str]).decode


def nano_usd(amount: Decimal | None) -> int | None:
    """Dollars as they are kept: nano-dollars, rounded half to even."""
    if amount is None:
        return None
    return int((amount * _NANO).to_integral_value(rounding=ROUND_HALF_EVEN))


class Usd(TypeDecorator[Decimal]):
    """A `Decimal` of US dollars, rounded half to even to a billionth of a dollar."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> int | None:
        """Dollars to nano-dollars."""
        return nano_usd(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> Decimal | None:
        """Nano-dollars to dollars; PostgreSQL sums integers as `Decimal`."""
        return None if value is None else Decimal(int(value)) / _NANO


class Words(TypeDecorator[tuple[str, ...]]):
    """A tuple of words, as a JSON list."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: tuple[str, ...] | None, dialect: Dialect) -> str | None:
        """Words to JSON text."""
        return None if value is None else msgspec.json.encode(value).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> tuple[str, ...] | None:
        """JSON text to words."""
        return None if value is None else tuple(_decode_words(value))


def class_word(data_class: DataClass | None) -> str | None:
    """A data class as it is kept; None where it was never known."""
    return None if data_class is None else data_class.word


def class_of(word: str | None) -> DataClass | None:
    """A data class from its word in a column."""
    return None if word is None else DataClass.from_word(word)
