"""Phone numbers: those that the numbering plans of the world have (`phonenumbers`).

An international number says which plan it is of. A national one counts in the forms that
nobody writes other numbers in, or where a word beside it says what it is and some plan has it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata

from befit.policy.detection.finding import Span
from befit.policy.detection.recognition.stretch import Stretch
from befit.policy.detection.recognition.words import Words

TYPE = "PHONE_NUMBER"

_CANDIDATE = re.compile(
    r"[+(0-9](?<![\w.][+(0-9])(?<![0-9][,/=-][+(0-9])"
    r"(?:[ .\-/()]{0,2}+[0-9]){6,14}+(?![\w(=%°]|[.,/:-][0-9])"
)
_NOT_DIGIT = re.compile(r"[^0-9]+")
_MOST_DIGITS = 15
_WORD_REACH = 40

_TELLTALE = re.compile(
    r"(?:(?:1[ .-])?\([2-9][0-9]{2}\) ?[2-9][0-9]{2}[ .-][0-9]{4}"  # North America
    r"|(?:1[.-])?[2-9][0-9]{2}([.-])[2-9][0-9]{2}\1[0-9]{4}"
    r"|0[1-9](?:[ .-][0-9]{2}){4}"  # France
    r"|\(?0[0-9]{2,4}\)? [0-9]{3,4}[ -]?[0-9]{3,4}"  # United Kingdom and others
    r")(?![0-9])"
)
_DATE = re.compile(
    r"(?:19|20)[0-9]{2}[ ./-]?(?:0[1-9]|1[0-2])[ ./-]?(?:0[1-9]|[12][0-9]|3[01])"
    r"|(?:0?[1-9]|[12][0-9]|3[01])[./-](?:0?[1-9]|[12][0-9]|3[01])[./-](?:19|20)?[0-9]{2}"
)
_WORDS = Words(
    r"phone(?: (?:number|no))?|telephone|tele?fon\w*|t[ée]l[ée]phone|t[ée]l[ée]fono|tel|ph"
    r"|mobile?|cell(?:phone| phone)?|handy\w*|portable|m[óo]vil|celular|fax|call(?:ed|ing)?|dial"
    r"|ring|reach|text me|messages? (?:to|on|at)(?: \w+){0,2}|sms|whatsapp|hotline|helpline"
    r"|contact|my number|my number is|anrufen|rufnummer|appel\w*|llam\w+|telefoonnummer|puhelin"
)
_REGIONS = (
    # Plans that a national number is tried in, the most spoken first.
    *("US", "GB", "DE", "FR", "ES", "IT", "NL", "BE", "CH", "AT", "PL", "SE", "DK", "NO", "FI"),
    *("IE", "PT", "CZ", "HU", "RO", "GR", "TR", "AU", "NZ", "IN", "JP", "KR", "BR", "MX", "ZA"),
)


def phones(stretch: Stretch) -> Iterator[Span]:
    """Phone numbers, international or national."""
    for match in _CANDIDATE.finditer(stretch.text):
        start, end = match.span()
        telltale = _TELLTALE.match(stretch.text, start, end)
        if telltale is not None:
            yield Span(start=start, end=telltale.end(), type=TYPE, score=0.8)
            continue
        score = _score(match[0], stretch.lowered[max(0, start - _WORD_REACH) : start])
        if score:
            yield Span(start=start, end=end, type=TYPE, score=score)


def _score(written: str, before: str) -> float:
    """How sure it is that something is a phone number, from itself and what stands before it."""
    digits = _NOT_DIGIT.sub("", written)
    if len(digits) > _MOST_DIGITS or written.count("(") > 1:
        return 0.0
    if written.startswith("+"):
        return 1.0 if _is_international(digits, written) else 0.0
    if _DATE.match(written) or not _WORDS.stand_in(before):
        return 0.0
    if digits.startswith("00") and _is_international(digits[2:], written):
        return 0.9
    return 0.7 if any(_plan_of(region, digits) for region in _REGIONS) else 0.0


def _is_international(digits: str, written: str) -> bool:
    """Whether a number that begins with its country's code is one of that country's."""
    if "(0)" in written:
        head, _, tail = written.partition("(0)")
        digits = _NOT_DIGIT.sub("", head + tail)
    for length in (1, 2, 3):
        regions = COUNTRY_CODE_TO_REGION_CODE.get(int(digits[:length] or "0"))
        if regions is not None:
            return any(_has(region, digits[length:]) for region in regions if region != "001")
    return False


def _plan_of(region: str, digits: str) -> bool:
    """Whether a plan has the number, with or without the digit that dials out of a town."""
    prefix = _national_prefix(region)
    bare = digits.removeprefix(prefix) if prefix else digits
    return _has(region, bare) or _has(region, digits)


def _has(region: str, digits: str) -> bool:
    pattern = _pattern(region)
    return pattern is not None and bool(pattern.fullmatch(digits))


@lru_cache(maxsize=300)
def _pattern(region: str) -> re.Pattern[str] | None:
    """Every number of a region's plan."""
    plan = PhoneMetadata.metadata_for_region(region)
    described = plan.general_desc if plan is not None else None
    written = described.national_number_pattern if described is not None else None
    return re.compile(written) if written else None


@lru_cache(maxsize=300)
def _national_prefix(region: str) -> str | None:
    plan = PhoneMetadata.metadata_for_region(region)
    return plan.national_prefix if plan is not None else None
