"""PDF files written by hand, sound and broken."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

_PADDING = bytes.fromhex("28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A")
_FILE_ID = b"0123456789abcdef"
_EVERYTHING = -4

Placed = tuple[float, float, float, str]
"""x, y, size, text."""


def pdf(
    pages: Sequence[Iterable[Placed]],
    *,
    title: str = "",
    password: str | None = None,
    rotated: bool = False,
) -> bytes:
    """A document of these pages, set in Helvetica."""
    key = None if password is None else _key(password)
    objects: list[bytes] = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Count %d /Kids [%s] >>"
        % (len(pages), b" ".join(b"%d 0 R" % (5 + 2 * place) for place in range(len(pages)))),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        b"<< /Title (%s) /ModDate (D:20240305120000Z) >>" % title.encode("latin-1"),
    ]
    for place, texts in enumerate(pages):
        content = b"".join(_drawn(text, rotated=rotated) for text in texts)
        if key is not None:
            content = _sealed(content, key, 6 + 2 * place)
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents %d 0 R "
            b"/Resources << /Font << /F1 3 0 R >> >> >>" % (6 + 2 * place)
        )
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content))
    return _file(objects, _encryption(password) if password is not None else b"")


def pdf_whose_pages_go_round() -> bytes:
    """A page tree that contains itself."""
    return _file(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Count 1000000 /Kids [3 0 R 2 0 R] /Parent 3 0 R >>",
            b"<< /Type /Pages /Count 1000000 /Kids [2 0 R 3 0 R] /Parent 2 0 R >>",
        ],
        b"",
    )


def _drawn(placed: Placed, *, rotated: bool) -> bytes:
    x, y, size, text = placed
    matrix = b"0 1 -1 0" if rotated else b"1 0 0 1"
    said = text.encode("cp1252").replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")
    return b"BT /F1 %g Tf %s %g %g Tm (%s) Tj ET\n" % (size, matrix, x, y, said)


def _file(objects: Sequence[bytes], encryption: bytes) -> bytes:
    out = bytearray(b"%PDF-1.4\n")
    places: list[int] = []
    for number, body in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer\n<< /Size %d /Root 1 0 R /Info 4 0 R %s>>\n" % (len(objects) + 1, encryption)
    out += b"startxref\n%d\n%%%%EOF\n" % table
    return bytes(out)


def _key(password: str) -> bytes:
    """The standard handler's, revision 2: 40 bits."""
    told = hashlib.md5(_padded(password) + _owner(password) + _permissions() + _FILE_ID)
    return told.digest()[:5]


def _owner(password: str) -> bytes:
    return _rc4(hashlib.md5(_padded(password)).digest()[:5], _padded(password))


def _permissions() -> bytes:
    return _EVERYTHING.to_bytes(4, "little", signed=True)


def _padded(password: str) -> bytes:
    return (password.encode() + _PADDING)[:32]


def _encryption(password: str) -> bytes:
    return b"/Encrypt << /Filter /Standard /V 1 /R 2 /O <%s> /U <%s> /P %d >> /ID [<%s> <%s>] " % (
        _owner(password).hex().encode(),
        _rc4(_key(password), _PADDING).hex().encode(),
        _EVERYTHING,
        _FILE_ID.hex().encode(),
        _FILE_ID.hex().encode(),
    )


def _sealed(content: bytes, key: bytes, number: int) -> bytes:
    salted = key + number.to_bytes(3, "little") + b"\x00\x00"
    return _rc4(hashlib.md5(salted).digest()[:10], content)


def _rc4(key: bytes, data: bytes) -> bytes:
    state = list(range(256))
    other = 0
    for place in range(256):
        other = (other + state[place] + key[place % len(key)]) % 256
        state[place], state[other] = state[other], state[place]
    out = bytearray()
    place = other = 0
    for byte in data:
        place = (place + 1) % 256
        other = (other + state[place]) % 256
        state[place], state[other] = state[other], state[place]
        out.append(byte ^ state[(state[place] + state[other]) % 256])
    return bytes(out)
