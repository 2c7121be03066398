"""`recoded`: a page's text in UTF-8 where its site says that it is in another encoding."""

from __future__ import annotations

import codecs
from collections.abc import Iterator

_UTF8 = "utf-8"
_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# What sites call Latin-1 is Windows-1252, as in every browser.
_AS_BROWSERS = {"iso8859-1": "cp1252", "ascii": "cp1252"}


def recoded(parts: Iterator[bytes], media_type: str, charset: str | None) -> Iterator[bytes]:
    """The parts; those of a text in another encoding as UTF-8 behind a byte order mark.

    The mark is what a reader goes by first, as it goes by the site's word before the page's.
    """
    encoding = _encoding(charset) if charset and media_type.startswith("text/") else None
    first = next(parts, b"")
    if encoding is None or first.startswith(_MARKS):
        yield first
        yield from parts
        return
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    yield codecs.BOM_UTF8
    yield decoder.decode(first).encode()
    for part in parts:
        yield decoder.decode(part).encode()
    yield decoder.decode(b"", final=True).encode()


def _encoding(charset: str) -> str | None:
    """Python's name for it; None for UTF-8 and for what is no text encoding."""
    try:
        found = codecs.lookup(charset)
    except (LookupError, ValueError):
        return None
    if found.name == _UTF8 or not getattr(found, "_is_text_encoding", True):
        return None
    return _AS_BROWSERS.get(found.name, found.name)
