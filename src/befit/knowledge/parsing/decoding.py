"""`decoded`: a file's bytes as text."""

from __future__ import annotations

import codecs
import re
import unicodedata

from befit.knowledge.parsing.unreadable import Unreadable

_MARKS = (  # the longer first: UTF-32's begins like UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
_MOST_CONTROL = 0.02
_LOOKED_AT = 200_000
_HIGH_RUNS = re.compile(rb"[\x80-\xff]+")
_LONG_RUN = 2.5  # of bytes beyond ASCII: Western words have one or two accents in a row
_WIDE = ("euc_kr", "gb18030", "shift_jis", "euc_jp", "big5")
_NARROW = ("cp1251", "koi8_r", "cp1253", "cp1255", "cp1256")
_LAST = "windows-1252"
_META = re.compile(
    rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]{2,40})", re.IGNORECASE
)
_META_WITHIN = 4_096


def decoded(data: bytes, *, declared: str | None = None) -> tuple[str, str]:
    """The text, and a warning where its encoding had to be guessed (else empty).

    By byte order mark, else UTF-8, else as declared, else the likeliest.

    Raises:
        Unreadable: it is no text.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data.decode(encoding, "replace"), ""
    unmarked = _utf16_unmarked(data)
    if unmarked:
        return data.decode(unmarked, "replace"), f"no byte order mark: read as {unmarked}"
    seen = data[:_LOOKED_AT]
    if len(_CONTROL.findall(seen)) > _MOST_CONTROL * len(seen):
        raise Unreadable("it is binary and no text")
    try:
        return data.decode(), ""
    except UnicodeDecodeError:
        pass
    if declared:
        text = _as_declared(data, declared)
        if text is not None:
            return text, ""
    encoding = _likeliest(seen)
    return data.decode(encoding, "replace"), f"not UTF-8: read as {encoding}"


def declared_in_html(data: bytes) -> str | None:
    """The encoding that a page's own head declares."""
    found = _META.search(data, 0, _META_WITHIN)
    return found[1].decode("ascii") if found else None


def _as_declared(data: bytes, encoding: str) -> str | None:
    try:
        # What pages call Latin-1 is Windows-1252, as in every browser.
        name = codecs.lookup(encoding).name
        return data.decode("cp1252" if name in {"iso8859-1", "ascii"} else name, "replace")
    except (LookupError, UnicodeError):
        return None


def _utf16_unmarked(data: bytes) -> str | None:
    seen = data[:2_000]
    if len(seen) < 8 or b"\x00" not in seen:
        return None
    half = len(seen) // 2
    even, odd = seen[0::2].count(0), seen[1::2].count(0)
    if odd > 0.7 * half and even < 0.05 * half:
        return "utf-16-le"
    return "utf-16-be" if even > 0.7 * half and odd < 0.05 * half else None


def _likeliest(seen: bytes) -> str:
    runs = [len(run) for run in _HIGH_RUNS.findall(seen)]
    if not runs or sum(runs) / len(runs) < _LONG_RUN:
        return _LAST
    return max((*_WIDE, *_NARROW, _LAST), key=lambda encoding: _plausibility(seen, encoding))


def _plausibility(seen: bytes, encoding: str) -> float:
    """How much what comes out looks like words; between -1 and 1."""
    try:
        text = codecs.getincrementaldecoder(encoding)("strict").decode(seen)
    except UnicodeDecodeError:
        return -1.0
    high = [character for character in text[:4_000] if character >= "\x80"]
    if not high:
        return -1.0
    return sum(map(_likeness, high)) / len(high)


def _likeness(character: str) -> float:
    if "\u4e00" <= character <= "\u9fff":
        # What GB 2312 knows is what is written; the rest of Unicode is what wrong guesses give.
        return 0.8 if _is_common(character) else -0.5
    if "\u3040" <= character <= "\u30ff" or "\uac00" <= character <= "\ud7a3":
        return 1.0
    if "\u3000" <= character <= "\u303f" or "\uff01" <= character <= "\uff5e":
        return 0.8
    category = unicodedata.category(character)
    if category == "Ll":
        return 0.7
    if category == "Lo":
        return 0.6 if character < "\u0700" else -0.5
    return 0.1 if category in {"Lu", "Po", "Pd", "Pi", "Pf"} else -0.5


def _is_common(character: str) -> bool:
    for encoding in ("gb2312", "big5"):
        try:
            lead = character.encode(encoding)[0]
        except UnicodeEncodeError:
            continue
        if (encoding == "gb2312" and lead < 0xD8) or (encoding == "big5" and lead < 0xC9):
            return True
    return False
