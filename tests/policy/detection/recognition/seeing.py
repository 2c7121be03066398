"""What the tests of recognisers look at: the findings of a text, as type and written value."""

from __future__ import annotations

from befit.policy.detection.recognition import Recognition

_RECOGNITION = Recognition()


def found(text: str) -> list[tuple[str, str]]:
    """Every finding of a text, in order."""
    return [(span.type, text[span.start : span.end]) for span in _RECOGNITION.detect(text)]


def types(text: str) -> set[str]:
    """The types found in a text."""
    return {kind for kind, _ in found(text)}


def luhn_completed(digits: str) -> str:
    """Digits with the check digit that makes them hold."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return digits + str(-total % 10)


def in_digits_of(zero: str, text: str) -> str:
    """A text with its digits in those of another script, whose zero is given."""
    return "".join(chr(ord(zero) + int(each)) if each.isdigit() else each for each in text)
