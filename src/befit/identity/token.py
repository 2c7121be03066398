"""What a bearer token says: its header before, its claims after the signature is verified."""

from __future__ import annotations

import binascii
import math
from base64 import urlsafe_b64decode

import msgspec

MOST_CHARACTERS = 16_384
"""A longer token is refused unread."""

_TYPES = frozenset({"jwt", "at+jwt", "application/at+jwt"})
_MOST_GROUPS = 1_000


class TokenFaultError(Exception):
    """Why a token is not believed, for the log."""


class Header(msgspec.Struct, frozen=True):
    """The header's part that decides; key URLs and embedded keys in it are never read."""

    alg: str
    kid: str | None = None
    typ: str | None = None
    crit: object = msgspec.UNSET
    b64: object = msgspec.UNSET


class Claims(msgspec.Struct, frozen=True):
    """The registered claims (RFC 7519, section 4.1); times are Unix seconds."""

    iss: str
    sub: str
    aud: str | list[str]
    exp: float
    nbf: float = 0.0
    iat: float = 0.0

    @property
    def audiences(self) -> frozenset[str]:
        """Whom the token is meant for."""
        return frozenset({self.aud} if isinstance(self.aud, str) else self.aud)


class _Issued(msgspec.Struct, frozen=True):
    iss: str


_decode_header = msgspec.json.Decoder(Header).decode
_decode_issued = msgspec.json.Decoder(_Issued).decode
_decode_claims = msgspec.json.Decoder(Claims).decode
_decode_all = msgspec.json.Decoder(dict[str, object]).decode


def looks_like_token(text: str) -> bool:
    """Whether a bearer text has the form of a signed token rather than of a key."""
    return text.count(".") == 2 and not text.startswith("befit_")


def read_before_verifying(text: str) -> tuple[Header, str]:
    """A token's header and the issuer it claims to come from; nothing of it is believed yet.

    Raises:
        TokenFaultError: it cannot be a token that may be believed.
    """
    if len(text) > MOST_CHARACTERS:
        raise TokenFaultError(f"{len(text)} characters, more than {MOST_CHARACTERS}")
    head, body, _ = text.split(".")
    try:
        header, issued = _decode_header(_decoded(head)), _decode_issued(_decoded(body))
    except (msgspec.MsgspecError, binascii.Error, UnicodeError, RecursionError):
        raise TokenFaultError("malformed") from None
    if header.crit is not msgspec.UNSET or header.b64 is not msgspec.UNSET:
        raise TokenFaultError("its header asks for extensions (crit, b64)")
    if header.typ is not None and header.typ.lower() not in _TYPES:
        raise TokenFaultError(f"it is a {header.typ[:40]!r}, no access or identity token")
    return header, issued.iss


def read_claims(payload: bytes) -> tuple[Claims, dict[str, object]]:
    """A verified token's claims: the registered ones, and all as they stand.

    Raises:
        TokenFaultError: one that is needed is missing or of another type.
    """
    try:
        claims, everything = _decode_claims(payload), _decode_all(payload)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise TokenFaultError(f"its claims are wrong: {error}") from None
    if "events" in everything:
        # RFC 8417: it tells that something happened, such as a logout; it lets nobody in.
        raise TokenFaultError("it is a security event, no access or identity token")
    if not all(math.isfinite(moment) for moment in (claims.exp, claims.nbf, claims.iat)):
        raise TokenFaultError("a time in it is no number")
    return claims, everything


def words_in(claims: dict[str, object], name: str) -> frozenset[str]:
    """The words of a claim that lists some, or holds one; `a.b` also reads `b` within `a`."""
    value: object = claims.get(name)
    if value is None and "." in name:
        value = claims
        for part in name.split("."):
            value = value.get(part) if isinstance(value, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # claims are as open as JSON is
    if isinstance(value, str):
        return frozenset({value})
    if not isinstance(value, list):
        return frozenset()
    words: list[object] = value  # pyright: ignore[reportUnknownVariableType]  # likewise
    return frozenset(word for word in words[:_MOST_GROUPS] if isinstance(word, str))


def _decoded(segment: str) -> bytes:
    raw = segment.encode("ascii")
    if b"=" in raw or b"+" in raw or b"/" in raw:
        raise binascii.Error("not base64url")
    return urlsafe_b64decode(raw + b"=" * (-len(raw) % 4))
