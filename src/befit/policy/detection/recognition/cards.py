"""Payment cards: numbers of a scheme's range and length whose last digit holds (Luhn)."""

from __future__ import annotations

import re

from befit.policy.detection.recognition.digit_runs import Number
from befit.policy.detection.recognition.words import Words

TYPE = "CREDIT_CARD"

_ANY_MAESTRO = frozenset(range(12, 20))

_SCHEMES: tuple[tuple[str, frozenset[int]], ...] = (
    # First digits and lengths, ISO/IEC 7812 ranges as the schemes publish them.
    (r"4", frozenset({13, 16, 19})),  # Visa
    (r"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720", frozenset({16})),  # Mastercard
    (r"3[47]", frozenset({15})),  # American Express
    (r"30[0-5]|309|36|38|39", frozenset({14, 16})),  # Diners Club
    (r"352[89]|35[3-8]", frozenset({16, 19})),  # JCB
    (r"2131|1800", frozenset({15})),  # JCB, older
    (r"6011|64[4-9]|65|60[89]", frozenset({16, 19})),  # Discover, RuPay
    (r"62", frozenset({16, 19})),  # UnionPay
    (r"220[0-4]|9792", frozenset({16})),  # Mir, Troy
    (r"5018|5020|5038|5893|6304|67(?:59|6[1-3])", _ANY_MAESTRO),  # Maestro
)
_SCHEME_OF_LENGTH = {
    length: re.compile("|".join(first for first, lengths in _SCHEMES if length in lengths))
    for length in range(12, 20)
}
LENGTHS = frozenset(_SCHEME_OF_LENGTH)
_ANY_SCHEME = re.compile(r"[2-6]")
"""First digits of all schemes: enough where a word says that it is a card."""

_USUAL_LENGTHS = frozenset({14, 15, 16})
"""Others are rare for cards and common for numbers, so they need the word or the grouping."""

GROUPINGS = frozenset(
    {
        *((length,) for length in LENGTHS),
        (4, 4, 4),
        (4, 4, 5),
        (4, 6, 4),
        (4, 6, 5),
        (4, 4, 4, 4),
        (4, 4, 4, 4, 3),
        (8, 8),
        (6, 10),
        (6, 13),
        (4, 12),
    }
)
"""How card numbers are written and printed."""

_WORDS = Words(
    r"(?:card|credit|debit|visa|mastercard|maestro|amex|american express|diners|discover|jcb"
    r"|unionpay|rupay|pan|ccn?|cvv|cvc|payment|kreditkarte|karte|carte|tarjeta|carta|cart[ãa]o"
    r"|kort|karta)(?:s|n?nummer|number|no)?"
)
_STEMS = (
    *("card", "credit", "debit", "visa", "master", "maestro", "amex", "american", "diners"),
    *("discover", "jcb", "unionpay", "rupay", "pan", "cc", "cv", "payment", "kart", "cart"),
    *("tarjeta", "kort"),
)
"""Every word has one of these; that a text has none is quickly known."""
_TWICE = str.maketrans("0123456789", "0246813579")
"""Twice a digit, and the sum of both digits where that has two."""
_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
_PATH = re.compile(r"://(?:[\w-]+\.)+[^\W\d_]{2,24}(?::[0-9]+)?/(?:\S*/)?\Z")
"""An address of the web with a site, up to a part of its path."""
_REACH = 40
"""Characters to either side in which an enclosing identifier would show."""


def is_card(number: Number) -> bool:
    """Whether a number written as cards are is one, and not part of something else."""
    if not _holds(number.digits):
        return _holds(number.digits, _ANY_SCHEME) and has_card_word(number)
    if number.is_decimal or _is_like_others(number):
        return has_card_word(number)
    return not _is_inside_identifier(number)


def is_scattered_card(number: Number) -> bool:
    """Whether digits in groups of no card's are one nevertheless: split on purpose.

    Without a word that says so, only a whole run split in one way counts: rows of small
    numbers are common, and every tenth of them would hold.
    """
    if not _holds(number.digits) or len(number.digits) < 13:
        return False
    if has_card_word(number):
        return True
    separator = number.separator
    if separator is None or number.is_decimal or number.is_joined:
        return False
    return separator.strip() != "" or set(number.sizes) == {1}


def may_begin(digit: str) -> bool:
    """Whether the cards of some scheme begin with a digit."""
    return bool(_ANY_SCHEME.match(digit))


def may_name_cards(lowered: str) -> bool:
    """Whether a text of small letters may hold a word for cards; most do not."""
    return any(stem in lowered for stem in _STEMS)


def has_card_word(number: Number) -> bool:
    """Whether a word beside the number says that it is a card's."""
    return _WORDS.stand_in(number.beside)


def _holds(digits: str, scheme: re.Pattern[str] | None = None) -> bool:
    scheme = scheme or _SCHEME_OF_LENGTH.get(len(digits))
    if scheme is None or not scheme.match(digits):
        return False
    return _is_luhn(digits) and len(set(digits)) > 1


def _is_luhn(digits: str) -> bool:
    """Whether the last digit checks the others (ISO/IEC 7812), in a third of a library's time."""
    return sum(map(int, digits[-1::-2] + digits[-2::-2].translate(_TWICE))) % 10 == 0


def _is_like_others(number: Number) -> bool:
    """Whether many a number that is no card looks the same: names with numbers, bar codes."""
    if len(number.sizes) == 1 and len(number.digits) not in _USUAL_LENGTHS:
        return True
    return "_" in number.stretch.text[max(0, number.start - 2) : number.start]


def _is_inside_identifier(number: Number) -> bool:
    """Whether it is digits of a UUID, or of a path in an address that names no card."""
    start, end, lowered = number.start, number.end, number.stretch.lowered
    before = lowered[max(0, start - _REACH) : start]
    after = lowered[end : end + _REACH]
    if before.endswith("/") and _PATH.search(before) and not has_card_word(number):
        return True
    if not (before.endswith("-") or after.startswith("-")):
        return False
    return any(
        match.start() <= len(before) < match.end()
        for match in _UUID.finditer(f"{before}{lowered[start:end]}{after}")
    )
