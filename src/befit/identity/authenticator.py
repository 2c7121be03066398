"""`Authenticator`: from a bearer token to the principal behind it.

A request with a known key costs one SHA-256 and one comparison. What is remembered is
the hash, never the key, for at most `REMEMBER_S`; a revocation that calls `forget`
takes effect at once in this process.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from befit.errors import NotAuthenticated
from befit.identity.keys import ApiKey, KeyStore, hashed, id_in, is_text_of
from befit.identity.principal import Principal

REMEMBER_S = 60.0
"""The longest that a revocation in another process can go unseen."""

_REMEMBER_UNKNOWN_S = 5.0
_NEXT_STEP = "make a key with befit keys create NAME"
_NOBODY = hashed("")  # compared with where no key is, so that both ways cost the same


@dataclass(frozen=True, slots=True)
class _Entry:
    key: ApiKey | None
    principal: Principal | None
    fresh_until: float


class Authenticator:
    """Tells who asks. One a process; used from its event loop only.

    Args:
        store: where keys are kept.
        clock: Unix seconds.
        capacity: how many known keys are remembered, and as many unknown ids.
    """

    def __init__(
        self, store: KeyStore, clock: Callable[[], float] = time.time, *, capacity: int = 10_000
    ) -> None:
        self._store = store
        self._clock = clock
        self._capacity = capacity
        # Two memories, so that a flood of made-up ids cannot push out the known keys.
        self._known: OrderedDict[str, _Entry] = OrderedDict()
        self._unknown: OrderedDict[str, _Entry] = OrderedDict()
        self._lookups: dict[str, asyncio.Task[_Entry]] = {}

    async def authenticate(self, bearer: str | None) -> Principal:
        """The principal of a key's text (the token alone, without `Bearer`).

        Raises:
            NotAuthenticated: missing, malformed, unknown, expired or revoked. Only who
                holds the whole key learns that it has expired or was revoked.
        """
        if not bearer:
            raise NotAuthenticated(
                "no API key was sent",
                next_step="send it as Authorization: Bearer befit_..; " + _NEXT_STEP,
            )
        key_id = id_in(bearer)
        if key_id is None:
            raise NotAuthenticated(
                "the API key is malformed: a key reads befit_ID_SECRET", next_step=_NEXT_STEP
            )
        now = self._clock()
        entry = self._known.get(key_id) or self._unknown.get(key_id)
        if entry is None or entry.fresh_until <= now:
            entry = await self._look_up(key_id)
        return _accepted(entry, bearer, now)

    def forget(self, key_id: str) -> None:
        """Ask the store again at the key's next use; call it after changing the key."""
        self._known.pop(key_id, None)
        self._unknown.pop(key_id, None)
        # A lookup that has begun may have read the key as it was before the change.
        self._lookups.pop(key_id, None)

    async def _look_up(self, key_id: str) -> _Entry:
        lookup = self._lookups.get(key_id)
        if lookup is None:
            lookup = asyncio.ensure_future(self._fetch(key_id))
            self._lookups[key_id] = lookup
            lookup.add_done_callback(lambda done: self._remember(key_id, done))
        # Many requests share one lookup; one caller going away must not end it.
        return await asyncio.shield(lookup)

    async def _fetch(self, key_id: str) -> _Entry:
        asked_at = self._clock()
        key = await self._store.find(key_id)
        if key is None:
            return _Entry(None, None, asked_at + _REMEMBER_UNKNOWN_S)
        return _Entry(key, key.principal, asked_at + REMEMBER_S)

    def _remember(self, key_id: str, done: asyncio.Task[_Entry]) -> None:
        if self._lookups.get(key_id) is not done:
            return  # forgotten meanwhile
        del self._lookups[key_id]
        if done.cancelled() or done.exception() is not None:
            return
        entry = done.result()
        other, memory = self._known, self._unknown
        if entry.key is not None:
            other, memory = memory, other
        other.pop(key_id, None)
        memory[key_id] = entry
        memory.move_to_end(key_id)
        while len(memory) > self._capacity:
            memory.popitem(last=False)


def _accepted(entry: _Entry, bearer: str, now: float) -> Principal:
    key, principal = entry.key, entry.principal
    if not is_text_of(key.secret_sha256 if key else _NOBODY, bearer) or not key or not principal:
        raise NotAuthenticated(
            "the API key is not valid", next_step="check that it was copied whole, or " + _NEXT_STEP
        )
    if key.revoked_at is not None:
        raise NotAuthenticated(f"API key {key.id} has been revoked", next_step=_NEXT_STEP)
    if key.expires_at is not None and now >= key.expires_at:
        raise NotAuthenticated(f"API key {key.id} has expired", next_step=_NEXT_STEP)
    return principal
