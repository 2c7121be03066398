"""Where a text may be cut without breaking what a reader sees as one character."""

from __future__ import annotations

import unicodedata

_JOINER = "\u200d"
_VIRAMA = 9  # the combining class: the consonant that follows belongs to it
_LONGEST = 64  # what is longer is no character, whatever it claims to be


def safe_cut(text: str, at: int, *, after: int = 0) -> int:
    """The last place not beyond `at`, and beyond `after`, where text may be cut.

    Accents, emoji sequences, flags, Hangul syllables and conjuncts stay whole, unless there
    is no such place within 64 characters: then `at` itself.
    """
    if at >= len(text):
        return len(text)
    for place in range(at, max(after, at - _LONGEST), -1):
        if not _joins(text, place):
            return place
    return at


def _joins(text: str, place: int) -> bool:
    """Whether the characters on both sides of `place` are parts of one."""
    before, behind = text[place - 1], text[place]
    if behind < "\u0300":
        return before == "\r" and behind == "\n"
    if before == _JOINER or _extends(behind) or unicodedata.combining(before) == _VIRAMA:
        return True
    return _is_flag_half(behind) and _flag_halves_before(text, place) % 2 == 1


def _extends(character: str) -> bool:
    return (
        unicodedata.category(character) in {"Mn", "Mc", "Me"}
        or character in {_JOINER, "\u200c"}
        or "\u1160" <= character <= "\u11ff"  # vowels and finals of a Hangul syllable
        or "\U0001f3fb" <= character <= "\U0001f3ff"  # skin tones
        or "\U000e0020" <= character <= "\U000e007f"  # tags, as in the flag of Scotland
    )


def _is_flag_half(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _flag_halves_before(text: str, place: int) -> int:
    count = 0
    while count < min(place, _LONGEST) and _is_flag_half(text[place - 1 - count]):
        count += 1
    return count
