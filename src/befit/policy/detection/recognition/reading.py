"""`Reading`: a text as a recogniser should see it, with the way back to where things stood.

A card number may be written in full-width, raised or Arabic digits, with no-break spaces, or
with characters between its digits that nobody sees. A reading folds what looks like ASCII onto it,
one character for one, and takes the invisible out; `original` gives the place in the text as
given. Most texts hold nothing of the kind, and their reading is the text itself.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from dataclasses import dataclass

_UNSEEN_ONE = re.compile(
    "["
    r"\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f"  # control characters that end no line
    # Unicode's Default_Ignorable_Code_Point, version 16
    r"\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    r"\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8"
    r"\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    # marks on or around the character before them, and those of annotations
    r"\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
    r"\ufff9-\ufffb"
    "]"
)
_TAGS = "".join(map(chr, range(0xE0000, 0xE1000)))


def _foldings() -> dict[str, str]:
    """What is read as another character; the empty one is what is not there for a reader."""
    every = "".join(map(chr, [*range(0x80, 0xD800), *range(0xE000, 0x20000)]))
    folded = {each: str(unicodedata.digit(each)) for each in every if each.isdigit()}
    folded |= dict.fromkeys(re.findall(r"[^\S\x85\u2028\u2029]", every), " ")
    folded["\u2800"] = " "  # braille without a dot
    folded |= {chr(0xFF01 + n): chr(0x21 + n) for n in range(94)}  # full-width ASCII
    for code in range(0x1D400, 0x1D6A4):  # letters of mathematics: bold, italic, script ..
        plain = unicodedata.normalize("NFKC", chr(code))
        if plain.isascii():
            folded[chr(code)] = plain
    folded |= dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63", "-")
    folded |= dict.fromkeys("\u2024\u3002\ufe52", ".")
    folded |= dict.fromkeys("\u201c\u201d\u201e\u00ab\u00bb", '"')
    folded |= dict.fromkeys("\u2018\u2019\u201a", "'")
    folded["\u0130"] = "I"  # the one letter that two characters replace in small letters
    unseen = _UNSEEN_ONE.findall("".join(map(chr, range(0x80))) + every + _TAGS)
    return folded | dict.fromkeys(unseen, "")


_FOLDED = _foldings()
_SPECIAL = frozenset(_FOLDED)
_SLICE = 65_536
_UNSEEN = frozenset(character for character, to in _FOLDED.items() if not to)
_UNSEEN_ASCII = tuple(sorted(each for each in _UNSEEN if each.isascii()))
_TABLE = str.maketrans(_FOLDED)
_FEW = 16
"""Up to so many different characters, replacing them one after another is quicker."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A text as recognisers see it.

    Attributes:
        text: folded; its offsets are those of the reading.
    """

    text: str
    _gaps: tuple[int, ...] = ()  # for each character taken out, where in `text` it stood

    @classmethod
    def of(cls, text: str) -> Reading:
        """Read a text; linear in its length."""
        if text.isascii() and not any(each in text for each in _UNSEEN_ASCII):
            return cls(text)
        special = _characters_of(text) & _SPECIAL
        gaps = _gaps(text) if special & _UNSEEN else ()
        return cls(_folded(text, special), gaps)

    def original(self, start: int, end: int) -> tuple[int, int]:
        """Where `text[start:end]` stands in the text as given; at least one character."""
        if not self._gaps:
            return start, end
        gaps = self._gaps
        last = end - 1
        return start + bisect_right(gaps, start), last + bisect_right(gaps, last) + 1


def _characters_of(text: str) -> set[str]:
    """The different characters of a text; in slices, as each call holds the interpreter."""
    characters: set[str] = set()
    for start in range(0, len(text), _SLICE):
        characters.update(text[start : start + _SLICE])
    return characters


def _folded(text: str, special: set[str]) -> str:
    """A text with these characters folded."""
    if len(special) > _FEW:
        slices = range(0, len(text), _SLICE)
        return "".join([text[start : start + _SLICE].translate(_TABLE) for start in slices])
    for character in special:
        text = text.replace(character, _FOLDED[character])
    return text


def _gaps(text: str) -> tuple[int, ...]:
    """For each character that nobody sees, where it stood once those before it are gone."""
    places = (
        match.start() + start
        for start in range(0, len(text), _SLICE)
        for match in _UNSEEN_ONE.finditer(text[start : start + _SLICE])
    )
    return tuple(place - before for before, place in enumerate(places))
