"""`Released`: what class a text has because a passage of it was released before.

    await released.remember("default", [ReleasedText(text=passage, carries=Carries(..))])
    carried = await released.class_of("default", [message.text for message in messages])

A client that resends its history, or copies an answer into another workflow, brings the
passage back without its class. Its words tell: fifteen in a row are enough.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from befit.knowledge.released.carries import Carries
from befit.knowledge.released.fingerprints import RUN, SHORTEST, Fingerprinter, uncovered
from befit.knowledge.released.held import Held, carried_by
from befit.knowledge.released.mark import Mark
from befit.knowledge.released.store import KeptPrints, ReleasedStore
from befit.vocabulary import DataClass

MOST_PRINTS = 4_000_000
"""Held exactly for a tenant: 24 million words, some 150,000 passages, 40 MB."""

_PAGE = 1_000
_INLINE_CHARS = 10_000  # less than a millisecond; longer texts are read in a thread
_STORED = np.dtype("<u8")


@dataclass(frozen=True, kw_only=True, slots=True)
class ReleasedText:
    """A text that leaves the room, with the class and tags of its passage."""

    text: str
    carries: Carries


@dataclass(kw_only=True, eq=False, slots=True)
class _Tenant:
    fingerprinter: Fingerprinter
    held: Held = field(default_factory=Held)


class Released:
    """The released texts of all tenants, shared by all processes of the workspace.

    Memory is filled from the store alone, by which every process comes to hold the same.

    Args:
        store: where fingerprints are kept.
        mark: tells that some process has kept more.
        most: how many of a tenant's are held exactly. Above it the oldest of class `internal`
            are forgotten. Those above are not, but other texts may then be taken for
            them: it errs towards the class.
    """

    def __init__(self, store: ReleasedStore, mark: Mark, *, most: int = MOST_PRINTS) -> None:
        self._store = store
        self._mark = mark
        self._most = most
        self._tenants: dict[str, _Tenant] = {}
        self._noticed: int | None = None
        self._reached = 0
        self._reading = asyncio.Lock()

    async def remember(self, tenant: str, texts: Sequence[ReleasedText]) -> None:
        """Remember texts. Durable when it returns: wait for it before they leave.

        What is public and has no tag is not remembered, nor what is held already: passages
        that are released again and again cost one look.

        Raises:
            Overloaded, WorkspaceError: they could not be kept, so they must not leave.
        """
        telling = [each for each in texts if not each.carries.is_nothing]
        if not telling:
            return
        await self._notice()
        known = self._tenants.get(tenant)
        if known is None:
            known = _Tenant(fingerprinter=Fingerprinter(await self._store.secret(tenant)))
        made = await asyncio.to_thread(_made, tenant, known, telling)
        if made:
            self._mark.value = await self._store.add(made)
            await self._notice()

    async def class_of(self, tenant: str, texts: Sequence[str]) -> Carries | None:
        """What texts carry, read one after the other as one; None where nothing was released.

        Raises:
            Overloaded, WorkspaceError: what was released cannot be read.
        """
        if self._mark.value != self._noticed:
            await self._notice()
        known = self._tenants.get(tenant)
        if known is None:
            return None
        if sum(map(len, texts)) > _INLINE_CHARS:
            return await asyncio.to_thread(_carried, known, texts)
        return _carried(known, texts)

    async def _notice(self) -> None:
        async with self._reading:
            mark = self._mark.value
            if mark == self._noticed:
                return
            while page := await self._store.after(self._reached, limit=_PAGE):
                await self._hold(page)
                self._reached = page[-1].seq
            self._noticed = mark

    async def _hold(self, page: Sequence[KeptPrints]) -> None:
        by_tenant = defaultdict[str, list[KeptPrints]](list)
        for kept in page:
            by_tenant[kept.tenant].append(kept)
        for tenant, its in by_tenant.items():
            known = self._tenants.get(tenant)
            if known is None:
                known = _Tenant(fingerprinter=Fingerprinter(await self._store.secret(tenant)))
            await asyncio.to_thread(_fill, known.held, its)
            self._tenants[tenant] = known
            if len(known.held) > self._most:
                await self._make_room(tenant, known)

    async def _make_room(self, tenant: str, known: _Tenant) -> None:
        """Forget what may be forgotten, and hold what then is left within the bound."""
        keep = self._most * 3 // 4
        await self._store.forget(tenant, up_to=DataClass.INTERNAL, keep=keep)
        held, reached = Held(), 0
        while page := await self._store.after(reached, limit=_PAGE, tenant=tenant):
            await asyncio.to_thread(_fill, held, page)
            reached = page[-1].seq
            if len(held) > keep:
                await asyncio.to_thread(held.fold)
        known.held = held


def _fill(held: Held, page: Iterable[KeptPrints]) -> None:
    alike = defaultdict[tuple[Carries, int], list[bytes]](list)
    for kept in page:
        alike[kept.carries, kept.words].append(kept.prints)
    for (carries, words), prints in alike.items():
        numbers = np.frombuffer(b"".join(prints), _STORED).astype(np.uint64)
        held.add(numbers, carries, words=words)


def _made(tenant: str, known: _Tenant, texts: Sequence[ReleasedText]) -> list[KeptPrints]:
    """The fingerprints that texts need beyond what is held."""
    alike = defaultdict[tuple[Carries, int], list[bytes]](list)
    for each in texts:
        words = known.fingerprinter.words([each.text])
        length = min(RUN, len(words))
        if length < SHORTEST:
            continue
        runs = known.fingerprinter.runs(words, length)
        needed = runs[uncovered(known.held.carry(runs, each.carries))]
        if len(needed):
            alike[each.carries, length].append(needed.astype(_STORED).tobytes())
    return [
        KeptPrints(tenant=tenant, carries=carries, words=words, prints=b"".join(prints))
        for (carries, words), prints in alike.items()
    ]


def _carried(known: _Tenant, texts: Sequence[str]) -> Carries | None:
    words = known.fingerprinter.words(texts)
    held = known.held
    runs = [known.fingerprinter.runs(words, length) for length in held.lengths]
    return carried_by([held.codes(each) for each in runs if len(each)])
