"""`Reading`: a text as a recogniser should see it, with the way back to where things stood.

A card number may be written in full-width or Arabic digits, with no-break spaces, or with
characters between its digits that nobody sees. A reading folds what looks like ASCII onto it,
one character for one, and takes the invisible out; `original` gives the place in the text as
given. Most texts hold nothing of the kind, and their reading is the text itself.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from dataclasses import dataclass


def _foldings() -> dict[str, str]:
    """What is read as another character; the empty one is what is not there for a reader."""
    every = "".join(map(chr, [*range(0x80, 0xD800), *range(0xE000, 0x20000)]))
    folded = {digit: str(unicodedata.decimal(digit)) for digit in re.findall(r"\d", every)}
    folded |= dict.fromkeys(re.findall(r"[^\S\x85\u2028\u2029]", every), " ")
    folded |= {chr(0xFF01 + n): chr(0x21 + n) for n in range(94)}  # full-width ASCII
    for code in range(0x1D400, 0x1D6A4):  # letters of mathematics: bold, italic, script ..
        plain = unicodedata.normalize("NFKC", chr(code))
        if plain.isascii():
            folded[chr(code)] = plain
    folded |= {chr(0x2460 + n): str(n + 1) for n in range(9)} | {"\u24ea": "0"}  # circled
    folded |= dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63", "-")
    folded |= dict.fromkeys("\u2024\u3002\ufe52", ".")
    folded |= dict.fromkeys("\u201c\u201d\u201e\u00ab\u00bb", '"')
    folded |= dict.fromkeys("\u2018\u2019\u201a", "'")
    folded["\u0130"] = "I"  # the one letter that two characters replace in small letters
    unseen = [0xAD, 0x34F, 0x61C, 0x180E, 0x20E3, 0xFEFF]
    unseen += [*range(0x300, 0x370), *range(0x200B, 0x2010), *range(0x202A, 0x202F)]
    unseen += [*range(0x2060, 0x2070), *range(0xFE00, 0xFE10), *range(0xE0000, 0xE0080)]
    return folded | {chr(code): "" for code in unseen}


_FOLDED = _foldings()
_SPECIAL = frozenset(_FOLDED)
_SLICE = 65_536
_UNSEEN = frozenset(character for character, to in _FOLDED.items() if not to)


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
        if text.isascii():
            return cls(text)
        special = _characters_of(text) & _SPECIAL
        gaps = _gaps(text, special & _UNSEEN)
        for character in special:
            text = text.replace(character, _FOLDED[character])
        return cls(text, gaps)

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


def _gaps(text: str, unseen: frozenset[str] | set[str]) -> tuple[int, ...]:
    """For each of these characters, where it stood once those before it are gone."""
    if not unseen:
        return ()
    pattern = re.compile(f"[{''.join(map(re.escape, unseen))}]")
    places = (
        match.start() + start
        for start in range(0, len(text), _SLICE)
        for match in pattern.finditer(text[start : start + _SLICE])
    )
    return tuple(place - before for before, place in enumerate(places))
