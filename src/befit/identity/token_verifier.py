"""`TokenVerifier`: whether a bearer token is what an issuer that is believed has signed.

The order matters: size and form, then the issuer among those that `befit.yaml` names, then
the algorithm, then the key, then the signature; only then is a claim believed. So no token
makes Befit ask a host that the file does not name.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from joserfc.errors import JoseError
from joserfc.jwk import Key
from joserfc.jws import JWSRegistry, deserialize_compact

from befit.errors import NotAuthenticated
from befit.identity.directory import Subject, is_sub
from befit.identity.document_fetch import fetch_document
from befit.identity.issuer import Issuer
from befit.identity.issuer_keys import Fetch, IssuerKeys
from befit.identity.naming import plain_name
from befit.identity.principal import Role
from befit.identity.token import (
    MOST_CHARACTERS,
    Claims,
    TokenFaultError,
    read_before_verifying,
    read_claims,
    words_in,
)

_MOST_HEADER = 4096
_MOST_NAME = 200

_log = logging.getLogger("befit.identity")


class Trusted(Protocol):
    """Whose word counts: the tenants there are and the issuers that are believed, as now."""

    @property
    def tenants(self) -> Sequence[str]:
        """Every tenant."""
        ...

    @property
    def issuers(self) -> Sequence[Issuer]:
        """Every issuer; no two of one URL."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class VerifiedToken:
    """What a believed token says of its holder, in this workspace's own words.

    Attributes:
        expires_at: Unix seconds; the skew that the issuer is allowed is in it.
        groups: our groups that its own map to.
        roles: likewise.
    """

    issuer: Issuer
    subject: Subject
    name: str
    expires_at: float
    groups: frozenset[str]
    roles: frozenset[Role]


class TokenVerifier:
    """Verifies tokens. One a process; used from its event loop only.

    Args:
        trusted: whose word counts now; asked for each token.
        fetch: gets an issuer's documents; blocking, runs in a thread.
        clock: Unix seconds.
        monotonic: seconds of a clock that never jumps.
    """

    def __init__(
        self,
        trusted: Callable[[], Trusted],
        *,
        fetch: Fetch = fetch_document,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._trusted = trusted
        self._fetch = fetch
        self._clock = clock
        self._monotonic = monotonic
        self._keys: dict[tuple[str, str | None], IssuerKeys] = {}

    async def verify(self, text: str) -> VerifiedToken:
        """What the token says, once it is believed.

        Raises:
            NotAuthenticated: only who holds what an issuer has signed learns why.
        """
        try:
            issuer, payload = await self._signed(text)
        except TokenFaultError as fault:
            _log.info("a token is refused: %s", fault)
            raise NotAuthenticated(
                "the token is not valid", next_step="sign in again; the server's log has the reason"
            ) from None
        try:
            claims, everything = read_claims(payload)
            return _believed(issuer, claims, everything, self._clock())
        except TokenFaultError as fault:
            _log.info("a token of %s is refused: %s", issuer.url, fault)
            raise NotAuthenticated(
                f"the token is not accepted: {fault}", next_step="sign in again"
            ) from None

    async def _signed(self, text: str) -> tuple[Issuer, bytes]:
        """The issuer that has signed a token, and the bytes it has signed."""
        header, claimed = read_before_verifying(text)
        issuer = next((each for each in self._trusted().issuers if each.url == claimed), None)
        if issuer is None:
            raise TokenFaultError(f"no issuer {claimed[:200]!r} under identity.issuers")
        if header.alg not in issuer.algorithms:
            raise TokenFaultError(f"its algorithm is {header.alg[:40]!r}")
        keys = self._keys_of(issuer)
        key = await keys.find(header.kid, header.alg)
        payload = None if key is None else _payload(text, key, header.alg)
        if payload is None and key is not None and header.kid is None:
            # A provider that names no keys may have changed its only one.
            key = await keys.find_anew(None, header.alg)
            payload = None if key is None else _payload(text, key, header.alg)
        if payload is None:
            named = (header.kid or "")[:80]
            raise TokenFaultError(f"no key {named!r} of {issuer.url} has signed it by {header.alg}")
        return issuer, payload

    def _keys_of(self, issuer: Issuer) -> IssuerKeys:
        place = (issuer.url, issuer.jwks_uri)
        keys = self._keys.get(place)
        if keys is None:
            still = {(each.url, each.jwks_uri) for each in self._trusted().issuers}
            self._keys = {known: kept for known, kept in self._keys.items() if known in still}
            keys = self._keys[place] = IssuerKeys(issuer, self._fetch, self._monotonic)
        return keys


def _payload(text: str, key: Key, alg: str) -> bytes | None:
    """What the key has signed, or None where it has not."""
    registry = JWSRegistry(algorithms=[alg], strict_check_header=False)
    registry.max_header_length = _MOST_HEADER
    registry.max_payload_length = MOST_CHARACTERS
    try:
        return deserialize_compact(text, key, registry=registry).payload
    except (JoseError, ValueError, TypeError):
        return None


def _believed(
    issuer: Issuer, claims: Claims, everything: dict[str, object], now: float
) -> VerifiedToken:
    skew_s = issuer.clock_skew_s
    if claims.iss != issuer.url:
        raise TokenFaultError("it names another issuer")
    if not claims.audiences & issuer.audiences:
        raise TokenFaultError("it is meant for another audience")
    if now >= claims.exp + skew_s:
        raise TokenFaultError("it has expired")
    if now < max(claims.nbf, claims.iat) - skew_s:
        raise TokenFaultError("it is not valid yet; is a clock wrong?")
    if not is_sub(claims.sub):
        raise TokenFaultError("its subject cannot be one")
    named = frozenset(map(plain_name, words_in(everything, issuer.groups_claim)))
    return VerifiedToken(
        issuer=issuer,
        subject=Subject(issuer.url, claims.sub),
        name=_name(issuer, claims, everything),
        expires_at=claims.exp + skew_s,
        groups=frozenset(
            plain_name(ours)
            for theirs, ours in issuer.groups.items()
            if plain_name(theirs) in named
        ),
        roles=frozenset(
            role for theirs, role in issuer.roles.items() if plain_name(theirs) in named
        ),
    )


def _name(issuer: Issuer, claims: Claims, everything: dict[str, object]) -> str:
    claimed = everything.get(issuer.name_claim) if issuer.name_claim else None
    is_name = isinstance(claimed, str) and claimed.isprintable() and 0 < len(claimed) <= _MOST_NAME
    # People often choose this claim themselves: it must not read like a name that is kept here.
    return f"{claimed if is_name else claims.sub} ({urlsplit(issuer.url).hostname})"
