"""`Shelf`: what may change while the platform runs, each part replaced whole."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from befit.catalog import (
    ActivationBook,
    Catalog,
    CatalogReading,
    CatalogSource,
    Evaluation,
    Examined,
    Problem,
    Reload,
    Workspace,
    gated,
)
from befit.knowledge import apply_rules
from befit.platform.snapshot import Catalogs, Snapshot
from befit.platform.stores import Stores
from befit.policy import Policy, RuleSet
from befit.policy.detection import Examine, default_examine
from befit.routing import EvidenceBook
from befit.settings import Settings, examine_reading

_NOTHING_MEASURED = EvidenceBook()


class Shelf:
    """What may change while the platform runs: what the files say, activations and evidence.

    Each part is replaced whole: who has taken one keeps it to the end of what they do.

    Attributes:
        now: what is in force, of one reading of the files; replaced on the event loop only.
        activations: what is activated, as of the last `refresh`.
    """

    now: Snapshot

    def __init__(self, workspace: Workspace, stores: Stores) -> None:
        self._workspace = workspace
        self._stores = stores
        self._tenants: frozenset[str] | None = None  # as of the first reading
        self.activations = ActivationBook()  # read by `refresh`; until then nothing is activated
        self._evidence: Mapping[str, EvidenceBook] = {}
        self._refreshed: Snapshot | None = None  # the snapshot that the evidence is of
        self._ready: Snapshot | None = None  # what the last look would put in force
        self._turn = asyncio.Lock()  # the watch and an operation may reload at once
        self._source = CatalogSource(workspace, examine=self._examine)

    async def reload(self) -> Reload:
        """Take up changed files; a wrong file changes nothing and is told."""
        async with self._turn:
            before = self.now
            # The thread only reads; what it read is taken here, in one step for all who ask.
            look = await asyncio.to_thread(self._source.look)
            await self._keep_rules()
            reload = self._source.take(look)
            if self.now is not self._refreshed:
                await self.refresh()
            return replace(reload, changed=_is_other(self.now, before))

    async def _keep_rules(self) -> None:
        """Keep a version of the rules before a decision can name it.

        Where that fails nothing is taken, and the next look reads the files again.
        """
        ready, self._ready = self._ready, None
        if ready is not None:
            await self._stores.policies.keep(ready.policy.rules)

    async def refresh(self) -> None:
        """Read what is activated and what was measured; keep each version by its hash.

        Who may read what is as the files say when this has ended, whoever searches.
        """
        await self._stores.policies.keep(self.now.policy.rules)
        for tenant in self.now.settings.identity.tenants:
            await apply_rules(self._stores.knowledge, tenant, self.now.access)
        self.activations = ActivationBook(await self._stores.activations.newest())
        self._put(self.now)
        refreshed = self.now
        self._evidence = {
            tenant: await self._kept(refreshed.catalog.of(tenant), tenant)
            for tenant in refreshed.settings.identity.tenants
        }
        self._refreshed = refreshed

    async def _kept(self, catalog: Catalog, tenant: str) -> EvidenceBook:
        found: list[Evaluation] = []
        for workflow in catalog.workflows.values():
            content = catalog.contents[workflow.name]
            await self._stores.versions.keep(tenant, workflow.name, workflow.version, content)
            found += await self._stores.evaluations.latest(tenant, workflow.name)
        return EvidenceBook(found)

    def evidence_of(self, tenant: str) -> EvidenceBook:
        """What a tenant has measured; another tenant's figures are not evidence for it."""
        return self._evidence.get(tenant, _NOTHING_MEASURED)

    def _examine(self, reading: CatalogReading) -> Examined:
        """Find what is wrong and make ready what would be in force; it is not yet."""
        found = examine_reading(reading, self._workspace)
        problems = found.problems
        if found.settings is not None and (new := self._new_tenants(found.settings)):
            problems = (*problems, new)
        settings, rules, access = found.settings, found.rules, found.access
        if problems or not (settings and rules and access and reading.catalog):
            return Examined(problems=problems)
        ready = Snapshot(
            settings=settings,
            policy=self._policy(rules),
            access=access,
            examine=self._examiner(settings),
            catalogs=Catalogs(declared=reading.catalog, current=reading.catalog),
        )
        self._ready = ready
        return Examined(problems=(), take=partial(self._put, ready))

    def _put(self, ready: Snapshot) -> None:
        """Put in force what passes the gate: the one place where anything is."""
        declared = ready.catalogs.declared
        current = gated(declared, ready.settings.activation, self.activations)
        before = self._before
        if before is not None and before.catalog.version == current.version:
            current = before.catalog
        self.now = replace(ready, catalogs=Catalogs(declared=declared, current=current))

    @property
    def _before(self) -> Snapshot | None:
        return getattr(self, "now", None)  # nothing is in force before the first reading

    def _policy(self, rules: RuleSet) -> Policy:
        """The policy in force where the rules are the same, so that its verdicts stay known."""
        before = self._before
        return before.policy if before and before.policy.hash == rules.version else Policy(rules)

    def _examiner(self, settings: Settings) -> Examine | None:
        """What examines as the settings say; a detector is set up once, not at each reading."""
        before, wanted = self._before, settings.detection
        if before is not None and before.settings.detection == wanted:
            return before.examine
        return default_examine(wanted.consequences) if wanted.enabled else None

    def _new_tenants(self, settings: Settings) -> Problem | None:
        """Each tenant has a key that its records are sealed under, made when a process starts."""
        if self._tenants is None:
            self._tenants = frozenset(settings.identity.tenants)
        new = sorted(set(settings.identity.tenants) - self._tenants)
        if not new:
            return None
        what = f"a new tenant {new[0]!r}, which a running server does not take up"
        return Problem(what=what, file="befit.yaml", next_step="start befit serve again")


def _is_other(now: Snapshot, before: Snapshot) -> bool:
    is_other = now.policy is not before.policy or now.catalog.version != before.catalog.version
    return is_other or now.access.version != before.access.version
