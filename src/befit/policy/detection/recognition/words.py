"""`Words`: what people write beside a number to say what it is."""

from __future__ import annotations

import re


class Words:
    """Whole words, in small letters.

    Words(r"ssns?|social security").stand_in("my ssn is ")    # True
    Words(r"ssns?").stand_in("classname")                     # False: inside a word
    """

    def __init__(self, alternatives: str) -> None:
        # That no letter stands before a word is looked at by hand: a pattern that begins by
        # looking back cannot be searched for by its first letters.
        self._pattern = re.compile(rf"(?:{alternatives})(?![^\W\d_])")

    def stand_in(self, lowered: str) -> bool:
        """Whether one of them stands in a text of small letters."""
        return any(
            not lowered[match.start() - 1 : match.start()].isalpha()
            for match in self._pattern.finditer(lowered)
        )
