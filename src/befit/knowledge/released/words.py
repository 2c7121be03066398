"""A text's words as fingerprints see them: the same however the text was wrapped or quoted.

Case, white space, punctuation, Markdown, JSON and HTML escapes, typographic marks and
invisible characters make no difference. A script without spaces counts each character.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Sequence

_UNBROKEN = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Myanmar, Khmer
    "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Japanese, Chinese
)
_WORD = re.compile(rf"[{_UNBROKEN}]|[^\W_{_UNBROKEN}]+")
_ESCAPE = re.compile(r"\\+(?:u([0-9a-fA-F]{4})|[nrtbf])")
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufe00-\ufe0f\ufeff]"
)
_MARKS = re.compile(r"[\u0300-\u036f]")

# Of ASCII, letters and digits stay and all else is a space; bytes of other scripts stay.
_PLAIN = bytes(byte if byte > 127 or chr(byte).isalnum() else 32 for byte in range(256))


def words_in(texts: Sequence[str]) -> list[bytes]:
    """The words of texts one after the other, as if they were one text."""
    text = "\n".join(texts)
    if "\\" in text:
        text = _ESCAPE.sub(_unescaped, text)
    if "&" in text:
        text = html.unescape(text)
    words = text.encode("utf-8", "replace").lower().translate(_PLAIN).split()
    if text.isascii():
        return words
    return [
        plain for word in words for plain in ((word,) if word.isascii() else _plain_words(word))
    ]


def _plain_words(word: bytes) -> list[bytes]:
    """The words of a stretch that is not all ASCII: often one between typographic marks."""
    text = _INVISIBLE.sub("", unicodedata.normalize("NFKD", word.decode()))
    return [found.encode() for found in _WORD.findall(_MARKS.sub("", text).casefold())]


def _unescaped(match: re.Match[str]) -> str:
    return chr(int(match[1], 16)) if match[1] else " "
