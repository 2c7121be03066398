"""Column types: money in whole nano-dollars, sets of words or tags, all sortable text or integers.

Money is kept as an integer number of 1e-9 USD, so that sums are exact in every dialect
and up to nine billion dollars fit.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_HALF_EVEN, Decimal
from functools import cache

import msgspec
from sqlalchemy import BigInteger, Dialect, Integer, Text, TypeDecorator

from befit.vocabulary import DataClass, Tag

_NANO = Decimal(1_000_000_000)
_TAGS = (Tag.PII, Tag.PHI, Tag.PCI, Tag.SECRET, Tag.EXPORT_CONTROLLED)
"""The tag of each bit, the lowest first. New tags go to the end: a bit that is written keeps
its meaning."""

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


class TagBits(TypeDecorator[frozenset[Tag]]):
    """A set of tags as an integer, so that the database can join two by `|`."""

    impl = Integer
    cache_ok = True

    def process_bind_param(self, value: Iterable[Tag] | None, dialect: Dialect) -> int | None:
        """Tags to bits."""
        return None if value is None else tag_bits(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> frozenset[Tag] | None:
        """Bits to tags."""
        return None if value is None else tags_of(value)


def tag_bits(tags: Iterable[Tag]) -> int:
    """Tags as they are kept."""
    return sum(1 << _TAGS.index(tag) for tag in tags)


@cache
def tags_of(bits: int) -> frozenset[Tag]:
    """Tags from their bits."""
    return frozenset(tag for place, tag in enumerate(_TAGS) if bits >> place & 1)


def class_word(data_class: DataClass | None) -> str | None:
    """A data class as it is kept; None where it was never known."""
    return None if data_class is None else data_class.word


def class_of(word: str | None) -> DataClass | None:
    """A data class from its word in a column."""
    return None if word is None else DataClass.from_word(word)
