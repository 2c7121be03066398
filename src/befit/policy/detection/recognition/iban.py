"""Bank accounts: IBANs of a country's length and form whose check digits hold (ISO 13616)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from stdnum import iban

from befit.policy.detection.finding import Span
from befit.policy.detection.recognition.stretch import Stretch

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
    r"[0-9](?<=[A-Za-z][0-9])(?<![0-9A-Za-z][A-Za-z]{2}[0-9])[0-9](?=[ .\-]{0,2}[0-9A-Za-z])"
)
_SEPARATORS = re.compile(r"[ .\-]+")
_COUNTRY = 2


def ibans(stretch: Stretch) -> Iterator[Span]:
    """International bank account numbers."""
    text = stretch.text
    for match in _SEARCH.finditer(text):
        start = match.start() - _COUNTRY
        length = _LENGTHS.get(text[max(0, start) : start + _COUNTRY].upper())
        end = _end_of(text, start, length) if length is not None and start >= 0 else None
        if end is not None and iban.is_valid(_SEPARATORS.sub("", text[start:end])):
            yield Span(start=start, end=end, type=TYPE)


def _end_of(text: str, start: int, length: int) -> int | None:
    """Where so many letters and digits end; None where a longer word goes on."""
    position, seen = start, 0
    while seen < length and position < len(text):
        character = text[position]
        if character.isalnum():
            seen += 1
        elif character not in " .-":
            return None
        position += 1
    if seen < length or (position < len(text) and text[position].isalnum()):
        return None
    return position
