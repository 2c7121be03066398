"""Bank accounts: IBANs of a country's length and form whose check digits hold (ISO 13616)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from stdnum import iban

from befit.policy.detection.finding import Span
from befit.policy.detection.recognition.stretch import Stretch
from befit.policy.detection.recognition.words import Words

TYPE = "IBAN_CODE"

_LENGTHS = {
    # Characters by country, SWIFT's IBAN registry, release 99.
    **dict.fromkeys(("NO",), 15),
    **dict.fromkeys(("BE",), 16),
    **dict.fromkeys(("DK", "FI", "FK", "FO", "GL", "NL", "SD"), 18),
    **dict.fromkeys(("MK", "SI"), 19),
    **dict.fromkeys(("AT", "BA", "EE", "KZ", "LT", "LU", "MN", "XK"), 20),
    **dict.fromkeys(("CH", "HR", "LI", "LV"), 21),
    **dict.fromkeys(("BG", "BH", "CR", "DE", "GB", "GE", "IE", "ME", "RS", "VA"), 22),
    **dict.fromkeys(("AE", "GI", "IL", "IQ", "OM", "SO", "TL"), 23),
    **dict.fromkeys(("AD", "CZ", "ES", "MD", "PK", "RO", "SA", "SE", "SK", "TN", "VG"), 24),
    **dict.fromkeys(("LY", "PT", "ST"), 25),
    **dict.fromkeys(("IS", "TR"), 26),
    **dict.fromkeys(("BI", "DJ", "FR", "GR", "IT", "MC", "MR", "SM"), 27),
    **dict.fromkeys(("AL", "AZ", "BY", "CY", "DO", "GT", "HN", "HU", "LB", "NI", "PL", "SV"), 28),
    **dict.fromkeys(("BR", "EG", "PS", "QA", "UA"), 29),
    **dict.fromkeys(("JO", "KW", "MU", "YE"), 30),
    **dict.fromkeys(("MT", "SC"), 31),
    **dict.fromkeys(("LC",), 32),
    **dict.fromkeys(("RU",), 33),
}

# The country is looked back at from its check digits, as digits are rare and letters not.
_SEARCH = re.compile(
    r"[0-9](?<=[A-Za-z][0-9])(?<![0-9][A-Za-z]{2}[0-9])[0-9](?=[\s,;:|_/.\-]{0,8}[0-9A-Za-z])"
)
_SEPARATORS = re.compile(r"[\s,;:|_/.\-]+")
_SIGNS = ",;:|_/.-"
_FAR = re.compile(r"[^\w .\-]|_")
_FARTHEST = 8
"""How many separators may stand between two characters."""
_FOUR = 4
_COUNTRY = 2
_WORDS = Words(
    r"ibans?(?:[ -]?n(?:o|r|ummer|umber))?|accounts?(?: (?:number|no))?|acct|bank\w*|konto\w*"
    r"|compte|cuenta|conto|conta|rekening\w*|kontonummer|bic|swift|sepa"
)


def ibans(stretch: Stretch) -> Iterator[Span]:
    """International bank account numbers."""
    text = stretch.text
    for match in _SEARCH.finditer(text):
        start = match.start() - _COUNTRY
        length = _LENGTHS.get(text[max(0, start) : start + _COUNTRY].upper())
        end = _end_of(text, start, length) if length is not None and start >= 0 else None
        if end is None or not iban.is_valid(_SEPARATORS.sub("", text[start:end])):
            continue
        if _is_written_as_one(text, start, end) or _WORDS.stand_in(stretch.around(start, end)):
            yield Span(start=start, end=end, type=TYPE)


def _end_of(text: str, start: int, length: int) -> int | None:
    """Where so many letters and digits end; None where other signs are between them."""
    position, seen, apart = start, 0, 0
    while seen < length and position < len(text):
        character = text[position]
        if character.isalnum():
            seen, apart = seen + 1, 0
        elif apart < _FARTHEST and (character in _SIGNS or character.isspace()):
            apart += 1
        else:
            return None
        position += 1
    return position if seen == length else None


def _is_written_as_one(text: str, start: int, end: int) -> bool:
    """Whether it stands apart, and in groups that need no word: any near ones, or fours."""
    if text[start - 1 : start].isalnum() or text[end : end + 1].isalnum():
        return False
    if not _FAR.search(text[start:end]):
        return True
    *fours, last = _SEPARATORS.split(text[start:end])
    return all(len(four) == _FOUR for four in fours) and len(last) <= _FOUR
