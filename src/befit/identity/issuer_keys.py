"""`IssuerKeys`: the public keys of one identity provider, fetched, kept and renewed.

Keys are taken anew every quarter of an hour and when a token names one that is not among
them, at most once in `RETRY_S`, so that made-up tokens cause no traffic. While the provider
cannot be reached the last keys stand, up to `KEPT_S`; after that its tokens are refused.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey, import_key

from befit.identity.document_fetch import FetchFailedError
from befit.identity.issuer import Issuer

FRESH_S = 900.0
KEPT_S = 4 * 3600.0
RETRY_S = 10.0

_WAIT_S = 12.0
_MOST_KEYS = 100
_RSA_BITS = range(2048, 8193)

_log = logging.getLogger("befit.identity")

Fetch = Callable[[str], bytes]
"""A document by its URL; blocking, raises `FetchFailedError`."""


class _Discovery(msgspec.Struct, frozen=True):
    issuer: str
    jwks_uri: str


class _JwkSet(msgspec.Struct, frozen=True):
    keys: list[dict[str, object]]


@dataclass(frozen=True, kw_only=True, slots=True)
class PublicKey:
    """One key that signs tokens. `kid` and `alg` are None where the provider names none."""

    kid: str | None
    alg: str | None
    key: Key

    def fits(self, kid: str | None, alg: str) -> bool:
        """Whether it may have signed a token with this header."""
        is_named = kid is None or self.kid == kid
        return is_named and self.alg in (None, alg) and isinstance(self.key, _key_type(alg))


class IssuerKeys:
    """The keys of one issuer. Used from one event loop.

    Args:
        issuer: whose keys.
        fetch: gets a document; runs in a thread.
        monotonic: seconds of a clock that never jumps.
    """

    def __init__(self, issuer: Issuer, fetch: Fetch, monotonic: Callable[[], float]) -> None:
        self._issuer = issuer
        self._fetch = fetch
        self._monotonic = monotonic
        self._keys: tuple[PublicKey, ...] = ()
        self._fetched_at = float("-inf")
        self._tried_at = float("-inf")
        self._renewing: asyncio.Task[None] | None = None

    async def find(self, kid: str | None, alg: str) -> Key | None:
        """The key that a token's header means, or None where there is none to believe."""
        found = self._matching(kid, alg)
        if found is not None:
            if self._age_s() > FRESH_S:
                self._renew()  # beside this request, which the key at hand still serves
            return found
        return await self.find_anew(kid, alg)

    async def find_anew(self, kid: str | None, alg: str) -> Key | None:
        """As `find`, over keys that are renewed first; None where it is too soon for that."""
        renewing = self._renew()
        if renewing is None:
            return None
        # Many requests share one renewal; one caller going away must not end it.
        await asyncio.wait((renewing,), timeout=_WAIT_S)
        return self._matching(kid, alg)

    def _age_s(self) -> float:
        return self._monotonic() - self._fetched_at

    def _matching(self, kid: str | None, alg: str) -> Key | None:
        if self._age_s() > KEPT_S:
            return None
        fitting = [key for key in self._keys if key.fits(kid, alg)]
        # A token that names no key must leave no choice: trying several would be guessing.
        return fitting[0].key if len(fitting) == 1 else None

    def _renew(self) -> asyncio.Task[None] | None:
        """The renewal under way, begun now if it may be; None where it is too soon for one."""
        if self._renewing is not None and not self._renewing.done():
            return self._renewing
        now = self._monotonic()
        if now - self._tried_at < RETRY_S:
            return None
        self._tried_at = now
        self._renewing = asyncio.create_task(self._take())
        return self._renewing

    async def _take(self) -> None:
        asked_at = self._monotonic()
        try:
            keys = await self._fetched()
        except (FetchFailedError, msgspec.MsgspecError) as error:
            _log.error(
                "the keys of issuer %s are not renewed: %s; those at hand are %s",
                self._issuer.url,
                error,
                f"{self._age_s():.0f} s old" if self._keys else "none",
            )
            return
        self._keys, self._fetched_at = keys, asked_at

    async def _fetched(self) -> tuple[PublicKey, ...]:
        url = self._issuer.jwks_uri
        if url is None:
            raw = await asyncio.to_thread(self._fetch, self._issuer.discovery_url)
            url = _keys_url(msgspec.json.decode(raw, type=_Discovery), self._issuer)
        found = msgspec.json.decode(await asyncio.to_thread(self._fetch, url), type=_JwkSet)
        keys = tuple(_read(found.keys[:_MOST_KEYS]))
        if not keys:
            raise FetchFailedError(f"{url} holds no key that may sign tokens")
        return keys


def _keys_url(found: _Discovery, issuer: Issuer) -> str:
    """Where the discovery document says the keys are, if it may say so."""
    if found.issuer != issuer.url:
        raise FetchFailedError(
            f"the discovery document is of issuer {found.issuer[:200]!r}, not {issuer.url!r}"
        )
    there, here = urlsplit(found.jwks_uri), urlsplit(issuer.url)
    if (there.scheme, there.netloc) != (here.scheme, here.netloc):
        # Only hosts that befit.yaml names are ever asked.
        raise FetchFailedError(
            f"the keys are at {found.jwks_uri[:200]!r}, another host; if that is right, name it"
            " as jwks_uri of the issuer in befit.yaml"
        )
    return found.jwks_uri


def _read(raw: Iterable[dict[str, object]]) -> Iterable[PublicKey]:
    """The keys of a set that may sign; others are passed over (RFC 7517, section 5)."""
    for jwk in raw:
        if jwk.get("use", "sig") != "sig" or jwk.get("kty") not in ("RSA", "EC", "OKP"):
            continue
        kid, alg = jwk.get("kid"), jwk.get("alg")
        try:
            key = import_key({name: value for name, value in jwk.items() if name != "d"})  # pyright: ignore[reportArgumentType]  # whatever JSON holds; import_key checks it
        except (JoseError, ValueError, TypeError, KeyError):
            continue
        if isinstance(key, RSAKey) and key.public_key.key_size not in _RSA_BITS:
            continue
        yield PublicKey(
            kid=kid if isinstance(kid, str) else None,
            alg=alg if isinstance(alg, str) else None,
            key=key,
        )


def _key_type(alg: str) -> type[RSAKey | ECKey | OKPKey]:
    """The one kind of key that an algorithm takes, so that none passes for another's."""
    if alg.startswith("ES"):
        return ECKey
    return RSAKey if alg[:2] in ("RS", "PS") else OKPKey
