"""`Erasure`: destroys data keys, by a person's demand or because their time has come.

    report = await erasure.erase("default", "key:K1A2", Act(by="local:admin", policy=hash))
    report = await erasure.retain("default", {DataClass.INTERNAL: 365}, act)

Each goes in three steps: the ledger records which keys are destroyed (and names a
pseudonym, never the person), the keys are overwritten, and what the database repeats of
the person is cleared. A crash between two of them leaves nothing wrong that repeating it
does not finish. What was recorded first can never look like a loss.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from befit.audit.administrative import administrative_draft
from befit.audit.data_keys import DataKeys, KeyEntry
from befit.audit.destroyed_keys import KEYS_DESTROYED
from befit.audit.events import Ledger
from befit.audit.keys import Keyring, Pseudonyms
from befit.audit.month import month_end, month_of, month_start
from befit.audit.sealing import Sealer
from befit.errors import Conflict, WorkspaceError
from befit.vocabulary import DataClass

_DAY_S = 86_400
_KEYS_A_RECORD = 1_000
_MARGIN_S = 60.0  # something is sealed a moment before the time that it bears

KeptDays = Mapping[DataClass | None, int]
"""For how many days what is of a class is kept; a class that is absent is kept for good.
None stands for what was sealed before its class was known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Act:
    """Who has keys destroyed, under which policy."""

    by: str
    policy: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """What is under way for a person, and the API keys their decisions came with."""

    waiting: int
    open: int
    key_ids: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ErasureReport:
    """What was destroyed.

    Attributes:
        keys: ids of the destroyed keys.
        rows: how many rows of the database were cleared.
        records: ids of the administrative events that record it.
    """

    keys: tuple[str, ...]
    rows: int
    records: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class DueKeys:
    """The keys of one class and month whose time has come."""

    data_class: DataClass | None
    month: str
    keys: int


class PersonalRows(Protocol):
    """What the database repeats of persons beside the ledger."""

    async def standing(self, tenant: str, principal_id: str) -> Standing:
        """What of a person's is under way."""
        ...

    async def forget(self, tenant: str, principal_id: str) -> int:
        """Clear a person and all sealed texts of theirs; how many rows there were."""
        ...

    async def expire(self, tenant: str, data_class: DataClass | None, *, before: float) -> int:
        """Clear what is of a class and older than a moment; how many rows there were."""
        ...


class OpenWork(Protocol):
    """What has not ended yet: decisions, runs, and answers that wait for a person."""

    async def begun(self, tenant: str) -> Mapping[str, float]:
        """Each principal with something under way, and when the oldest of it began (Unix s)."""
        ...


class Erasure:
    """Destroys data keys and clears what the database repeats. One a process.

    Attributes:
        tenants: everyone whose data may be here, configured now or not.
    """

    def __init__(
        self,
        ledger: Ledger,
        keyring: Keyring,
        rows: PersonalRows,
        *,
        open_work: OpenWork,
        caught_up: Callable[[], Awaitable[None]],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.tenants = keyring.tenants
        self._ledger = ledger
        self._sealer: Sealer = keyring.sealer
        self._data_keys: DataKeys = keyring.data_keys
        self._pseudonyms: Pseudonyms = keyring.pseudonyms
        self._rows = rows
        self._open_work = open_work
        self._caught_up = caught_up
        self._clock = clock
        self._turn = asyncio.Lock()

    def pseudonym(self, tenant: str, principal_id: str) -> str:
        """How leaves and key files name a principal, whose data may have been erased."""
        return self._pseudonyms.of(tenant, principal_id)

    async def has_keys(self, tenant: str, principal_id: str) -> bool:
        """Whether anything is sealed under a key of theirs."""
        pseudonym = self._pseudonyms.of(tenant, principal_id)
        return bool(await asyncio.to_thread(self._keys_of, tenant, pseudonym))

    async def standing(self, tenant: str, principal_id: str) -> Standing:
        """What is under way for a person, everything just appended included."""
        await self._caught_up()
        return await self._rows.standing(tenant, principal_id)

    async def erase(self, tenant: str, principal_id: str, act: Act) -> ErasureReport:
        """Destroy all data keys of a person, and clear them from the database.

        What they ask from then on is kept anew.

        Raises:
            Conflict: an answer of theirs waits for a person, or a request is under way;
                nothing has changed then.
            LedgerUnavailable: no key was destroyed; repeat it, as some may be recorded
                as destroyed already.
            WorkspaceError: it was recorded and not finished; repeat it.
        """
        async with self._turn:
            self._require_at_rest(await self.standing(tenant, principal_id), principal_id)
            pseudonym = self._pseudonyms.of(tenant, principal_id)
            keys = await asyncio.to_thread(self._keys_of, tenant, pseudonym)
            told = {"reason": "erasure", "pseudonym": pseudonym}
            records = await self._destroy(tenant, keys, act, subject=pseudonym, told=told)
            rows = await self._rows.forget(tenant, principal_id)
        return ErasureReport(keys=keys, rows=rows, records=records)

    async def due(self, tenant: str, kept: KeptDays) -> tuple[DueKeys, ...]:
        """The keys whose time has come, by class and month; nothing is changed."""
        counts: dict[tuple[str, DataClass | None], int] = {}
        for entry in await self._due(tenant, kept):
            place = (entry.month, entry.data_class)
            counts[place] = counts.get(place, 0) + 1
        return tuple(
            DueKeys(data_class=data_class, month=month, keys=keys)
            for (month, data_class), keys in counts.items()
        )

    async def retain(self, tenant: str, kept: KeptDays, act: Act) -> ErasureReport:
        """Destroy the keys whose time has come, and clear what the database repeats.

        A key's time has come once the last day of its month is that many days ago, and
        nothing of its subject is under way that began in that month or before.

        Raises:
            LedgerUnavailable: no key was destroyed; repeat it, as some may be recorded
                as destroyed already.
            WorkspaceError: it was recorded and not finished; repeat it.
        """
        async with self._turn:
            entries = await self._due(tenant, kept)
            keys = tuple(entry.key_id for entry in entries)
            records: tuple[str, ...] = ()
            if keys:
                told = {"reason": "retention", "kept_days": _worded(kept)}
                records = await self._destroy(tenant, keys, act, subject=tenant, told=told)
            rows = 0
            for data_class, days in kept.items():
                # Also where no key was due: a crash may have come before the database.
                before = month_start(month_of(self._clock() - days * _DAY_S))
                rows += await self._rows.expire(tenant, data_class, before=before)
        return ErasureReport(keys=keys, rows=rows, records=records)

    def _require_at_rest(self, standing: Standing, principal_id: str) -> None:
        if standing.waiting:
            raise Conflict(
                f"{standing.waiting} answers for {principal_id} wait for a person",
                next_step="decide on them first: befit approvals list",
            )
        if standing.open:
            raise Conflict(
                f"{standing.open} requests of {principal_id} are under way",
                next_step="try again when they have ended",
            )

    def _keys_of(self, tenant: str, pseudonym: str) -> tuple[str, ...]:
        entries = self._data_keys.entries(tenant)
        return tuple(entry.key_id for entry in entries if entry.pseudonym == pseudonym)

    async def _due(self, tenant: str, kept: KeptDays) -> list[KeyEntry]:
        spared = await self._spared(tenant)
        now = self._clock()

        def is_due(entry: KeyEntry) -> bool:
            days = kept.get(entry.data_class)
            if days is None or month_end(entry.month) + days * _DAY_S > now:
                return False
            since = spared.get(entry.pseudonym)
            return since is None or entry.month < since

        def due() -> list[KeyEntry]:
            return [entry for entry in self._data_keys.entries(tenant) if is_due(entry)]

        return await asyncio.to_thread(due)

    async def _spared(self, tenant: str) -> dict[str, str]:
        """By pseudonym, the month from which on what is under way needs its subject's keys."""
        await self._caught_up()
        begun = await self._open_work.begun(tenant)
        return {
            self._pseudonyms.of(tenant, principal_id): month_of(at - _MARGIN_S)
            for principal_id, at in begun.items()
        }

    async def _destroy(
        self,
        tenant: str,
        keys: Sequence[str],
        act: Act,
        *,
        subject: str,
        told: Mapping[str, object],
    ) -> tuple[str, ...]:
        drafts = [
            administrative_draft(
                KEYS_DESTROYED,
                subject,
                by=act.by,
                policy=act.policy,
                tenant=tenant,
                told={**told, "key_ids": list(part)},
            )
            for part in _parts(keys)
        ]
        for draft in drafts:
            await self._ledger.append((draft,))
        try:
            await asyncio.to_thread(self._sealer.destroy, tenant, keys)
        except OSError as error:
            raise WorkspaceError(
                f"keys in .befit/keys/data/{tenant} could not be overwritten: {error.strerror}",
                next_step="see to the disk, and repeat the erasure",
            ) from None
        return tuple(draft.decision_id for draft in drafts)


def _parts(keys: Sequence[str]) -> Iterable[Sequence[str]]:
    # One record even where there is no key: what is cleared from the database is told too.
    for start in range(0, len(keys) or 1, _KEYS_A_RECORD):
        yield keys[start : start + _KEYS_A_RECORD]


def _worded(kept: KeptDays) -> dict[str, int]:
    return {
        "undetermined" if data_class is None else data_class.word: days
        for data_class, days in kept.items()
    }
