"""`Recognition`: the packaged detector, which knows things by their form and their checks.

    Recognition().detect("card 4111 1111 1111 1111")   # CREDIT_CARD at 5..24

It reads a text once (`Reading`), searches it in parts (`Stretch`) and gives back where things
stand in the text as given. It needs no model, so it runs before any permit is asked for.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from befit.policy.detection.consequences import NATIONAL_ID, NATIONAL_PATIENT_ID, RECOGNISED
from befit.policy.detection.finding import Consequence, Span
from befit.policy.detection.recognition.assignments import assignments
from befit.policy.detection.recognition.email import emails
from befit.policy.detection.recognition.iban import ibans
from befit.policy.detection.recognition.lettered_ids import LETTERED_TYPES, lettered_ids
from befit.policy.detection.recognition.national_ids import DIGIT_IDS
from befit.policy.detection.recognition.network import domain_names, ip_addresses
from befit.policy.detection.recognition.numbers import numbers
from befit.policy.detection.recognition.phones import phones
from befit.policy.detection.recognition.private_keys import private_keys
from befit.policy.detection.recognition.reading import Reading
from befit.policy.detection.recognition.spread_numbers import spread_numbers
from befit.policy.detection.recognition.stretch import CORE, Recogniser, Stretch, stretches
from befit.policy.detection.recognition.tokens import split_tokens, tokens

VERSION = "recognition/2"
"""Raised whenever the same text may give other findings."""

_STRONGEST_FIRST: tuple[Recogniser, ...] = (
    tokens,
    split_tokens,
    assignments,
    ibans,
    lettered_ids,
    numbers,
    spread_numbers,
    ip_addresses,
    emails,
    domain_names,
    phones,
)
"""Of findings that overlap, the one of the earlier recogniser stands."""

_NEED_DIGITS = frozenset({split_tokens, ibans, lettered_ids, numbers, spread_numbers, phones})
_DIGIT = re.compile("[0-9]")


class Recognition:
    """Finds what has a form of its own: cards, accounts, ids, secrets, addresses, phones.

    Attributes:
        core: how many characters are searched at once.
    """

    version = VERSION

    def __init__(self, *, core: int = CORE) -> None:
        self._core = core

    @property
    def types(self) -> Mapping[str, Consequence]:
        """Every type it finds, with what each asks for."""
        ids = dict.fromkeys([each.type for each in DIGIT_IDS], NATIONAL_ID)
        ids |= dict.fromkeys(LETTERED_TYPES, NATIONAL_ID)
        return MappingProxyType({**RECOGNISED, **ids, "UK_NHS": NATIONAL_PATIENT_ID})

    def detect(self, text: str) -> tuple[Span, ...]:
        """Every finding, in order; none overlaps another."""
        reading = Reading.of(text)
        found = [(-1, span) for span in private_keys(reading.text)]
        for stretch in stretches(reading.text, core=self._core):
            found += _found_in(stretch)
        return tuple(_as_given(span, reading) for span in _apart(found))


def _found_in(stretch: Stretch) -> Iterator[tuple[int, Span]]:
    """What begins in the stretch's core, in offsets of the whole text, with its rank."""
    first, last = stretch.core
    offset = stretch.offset
    has_digits = _DIGIT.search(stretch.text) is not None
    for rank, recognise in enumerate(_STRONGEST_FIRST):
        if not has_digits and recognise in _NEED_DIGITS:
            continue
        for span in recognise(stretch):
            if first <= span.start < last:
                yield rank, span if offset == 0 else _moved(span, offset)


def _apart(found: list[tuple[int, Span]]) -> list[Span]:
    """Those that none of a stronger rank overlaps, in order of their place."""
    apart: list[Span] = []
    for _, span in sorted(found, key=lambda each: (each[0], each[1].start, -each[1].end)):
        index = bisect_left(apart, span.start, key=lambda each: each.start)
        if index > 0 and apart[index - 1].end > span.start:
            continue
        if index < len(apart) and apart[index].start < span.end:
            continue
        apart.insert(index, span)
    return apart


def _moved(span: Span, offset: int) -> Span:
    return Span(start=span.start + offset, end=span.end + offset, type=span.type, score=span.score)


def _as_given(span: Span, reading: Reading) -> Span:
    start, end = reading.original(span.start, span.end)
    return Span(start=start, end=end, type=span.type, score=span.score)
