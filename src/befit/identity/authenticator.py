"""`Authenticator`: from a bearer text to the principal behind it.

A request with a known key or token costs one SHA-256 and one look into memory. What is
remembered is a hash, never the credential, for at most `REMEMBER_S`; `renew` after any
change of keys, people or groups makes it count for the next request of this process.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from befit.errors import NotAuthenticated
from befit.identity.keys import ApiKey, hashed, id_in, is_text_of
from befit.identity.memory import Finding, Memory
from befit.identity.principal import Principal
from befit.identity.recognition import IdentityStores, principal_of_key, principal_of_token
from befit.identity.token import looks_like_token
from befit.identity.token_verifier import TokenVerifier, Trusted

REMEMBER_S = 60.0
"""The longest that a change made by another process can go unseen."""

_REMEMBER_UNKNOWN_S = 5.0
_NEXT_STEP = "make a key with befit keys create NAME"
_NOBODY = hashed("")  # compared with where no key is, so that both ways cost the same


@dataclass(frozen=True, slots=True)
class _KeyFound:
    """A key and its principal, or why it has none; only who holds the key is told."""

    key: ApiKey
    principal: Principal | None
    refusal: NotAuthenticated | None = None


@dataclass(frozen=True, slots=True)
class _TokenFound:
    principal: Principal
    expires_at: float


class Authenticator:
    """Tells who asks. One a process; used from its event loop only.

    Args:
        stores: where keys, people and groups are kept.
        trusted: the tenants and issuers that count now.
        tokens: verifies the tokens of those issuers.
        clock: Unix seconds.
        monotonic: seconds of a clock that never jumps.
        capacity: how many keys, and how many tokens, are remembered.
    """

    def __init__(
        self,
        stores: IdentityStores,
        trusted: Callable[[], Trusted],
        *,
        tokens: TokenVerifier | None = None,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        capacity: int = 10_000,
    ) -> None:
        self._stores = stores
        self._trusted = trusted
        self._verifier = tokens or TokenVerifier(trusted, clock=clock, monotonic=monotonic)
        self._clock = clock
        self._keys: Memory[_KeyFound] = Memory(monotonic, capacity)
        self._tokens: Memory[_TokenFound] = Memory(monotonic, capacity)
        self._remembered_under = trusted()
        self._epoch = 0

    @property
    def epoch(self) -> int:
        """Higher after every change that this process knows of; for keys of caches."""
        return self._epoch

    async def authenticate(self, bearer: str | None) -> Principal:
        """The principal of a key or token (without `Bearer`).

        Raises:
            NotAuthenticated: missing, malformed, unknown, expired, revoked, or its person is
                disabled. Only who holds a whole key, or a token that an issuer has signed,
                learns which.
        """
        if not bearer:
            raise NotAuthenticated(
                "no API key was sent",
                next_step="send it as Authorization: Bearer befit_..; " + _NEXT_STEP,
            )
        if self._remembered_under is not self._trusted():
            self.renew()
        principal = (
            await self._by_token(bearer) if looks_like_token(bearer) else await self._by_key(bearer)
        )
        if principal.tenant not in self._trusted().tenants:
            raise NotAuthenticated(
                "the tenant of this credential is not there any more",
                next_step="name it under identity.tenants in befit.yaml",
            )
        return principal

    def renew(self) -> None:
        """Ask for every credential again at its next use; call it after changing any."""
        self._epoch += 1
        self._remembered_under = self._trusted()
        self._keys.forget()
        self._tokens.forget()

    async def _by_key(self, bearer: str) -> Principal:
        key_id = id_in(bearer)
        if key_id is None:
            raise NotAuthenticated(
                "the API key is malformed: a key reads befit_ID_SECRET", next_step=_NEXT_STEP
            )
        found = await self._keys.recall(key_id, partial(self._find_key, key_id))
        return _accepted(found, bearer, self._clock())

    async def _find_key(self, key_id: str) -> Finding[_KeyFound]:
        key = await self._stores.keys.find(key_id)
        if key is None:
            return Finding(None, _REMEMBER_UNKNOWN_S)
        try:
            found = _KeyFound(key, await principal_of_key(self._stores, key))
        except NotAuthenticated as refusal:
            found = _KeyFound(key, None, refusal)
        return Finding(found, REMEMBER_S)

    async def _by_token(self, bearer: str) -> Principal:
        found = await self._tokens.recall(hashed(bearer), partial(self._find_token, bearer))
        if found is None or self._clock() >= found.expires_at:
            raise NotAuthenticated("the token has expired", next_step="sign in again")
        return found.principal

    async def _find_token(self, bearer: str) -> Finding[_TokenFound]:
        token = await self._verifier.verify(bearer)
        principal = await principal_of_token(self._stores, token)
        # Counted from here on a clock that never jumps: turning ours back prolongs no token.
        left_s = token.expires_at - self._clock()
        return Finding(_TokenFound(principal, token.expires_at), min(REMEMBER_S, left_s))


def _accepted(found: _KeyFound | None, bearer: str, now: float) -> Principal:
    if not is_text_of(found.key.secret_sha256 if found else _NOBODY, bearer) or found is None:
        raise NotAuthenticated(
            "the API key is not valid", next_step="check that it was copied whole, or " + _NEXT_STEP
        )
    fault = found.key.fault(now)
    if fault is not None:
        raise NotAuthenticated(f"API key {found.key.id} {fault}", next_step=_NEXT_STEP)
    if found.principal is None:
        told = found.refusal
        raise NotAuthenticated(
            told.message if told else "the API key is not valid",
            next_step=told.next_step if told else _NEXT_STEP,
        )
    return found.principal
