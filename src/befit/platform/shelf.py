"""`Shelf`: what may change while the platform runs, each part replaced whole."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from befit.catalog import (
    ActivationBook,
    Catalog,
    CatalogReading,
    CatalogSource,
    Evaluation,
    Problem,
    Reload,
    Workflow,
    Workspace,
    gated,
)
from befit.identity import Principal
from befit.metering import BudgetScope
from befit.platform.stores import Stores
from befit.policy import Policy, RuleSet
from befit.policy.detection import Examine, default_examiner
from befit.routing import EvidenceBook
from befit.settings import DetectionSettings, Settings, examine_reading
from befit.vocabulary import DataClass

_NOTHING_MEASURED = EvidenceBook()


class Shelf:
    """What may change while the platform runs: catalog, settings, policy and evidence.

    Each part is replaced whole: who has taken one keeps it to the end of what they do.

    Attributes:
        examine: what examines texts; None where detection is switched off.
        settings, policy: taken from the same reading as the catalog, or not at all.
    """

    def __init__(self, workspace: Workspace, stores: Stores) -> None:
        self._workspace = workspace
        self._tenants: frozenset[str] | None = None  # as of the first reading
        self.settings: Settings
        self.policy: Policy
        self._rules_version = ""
        self.examine: Examine | None
        self.activations = ActivationBook()  # read by `refresh`; until then nothing is activated
        self.source = CatalogSource(workspace, examine=self._examine, gate=self._gate)
        self._evidence: Mapping[str, EvidenceBook] = {}
        self._stores = stores
        self._refreshed = ""  # the catalog version that the evidence is of
        self._turn = asyncio.Lock()  # the watch and an operation may reload at once

    async def reload(self) -> Reload:
        """Take up changed files; a wrong file changes nothing and is told."""
        async with self._turn:
            before = self.policy
            reload = await asyncio.to_thread(self.source.reload_if_changed)
            if self.source.current.version != self._refreshed or self.policy is not before:
                await self.refresh()
            return replace(reload, changed=reload.changed or self.policy is not before)

    async def refresh(self) -> None:
        """Read what is activated and what was measured; keep each version by its hash."""
        await self._stores.policies.keep(self.policy.rules)
        self.activations = ActivationBook(await self._stores.activations.newest())
        self.source.pass_gate_again()
        catalog = self.source.current
        tenants = self.settings.identity.tenants
        self._evidence = {
            tenant: await self._kept(catalog.of(tenant), tenant) for tenant in tenants
        }
        self._refreshed = catalog.version

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

    def _gate(self, declared: Catalog) -> Catalog:
        return gated(declared, self.settings.activation, self.activations)

    def _examine(self, reading: CatalogReading) -> tuple[Problem, ...]:
        examination = examine_reading(reading, self._workspace)
        if examination.settings is not None and (new := self._new_tenants(examination.settings)):
            return (*examination.problems, new)
        if examination.settings is not None:  # nothing is wrong, so the catalog follows
            self._take_detection(examination.settings.detection)
            self.settings = examination.settings
            self._take(examination.rules)
        return examination.problems

    def _take(self, rules: RuleSet | None) -> None:
        """Put rules in force where they are others; the verdicts of the old ones go with them."""
        if rules is not None and rules.version != self._rules_version:
            self.policy = Policy(rules)
            self._rules_version = rules.version

    def _take_detection(self, settings: DetectionSettings) -> None:
        """Examine texts as the settings say; a detector is set up once, not at each reading."""
        if not hasattr(self, "settings") or settings != self.settings.detection:
            examiner = default_examiner(settings.consequences) if settings.enabled else None
            self.examine = examiner.examine if examiner else None

    def _new_tenants(self, settings: Settings) -> Problem | None:
        """Each tenant has a key that its records are sealed under, made when a process starts."""
        if self._tenants is None:
            self._tenants = frozenset(settings.identity.tenants)
        new = sorted(set(settings.identity.tenants) - self._tenants)
        if not new:
            return None
        what = f"a new tenant {new[0]!r}, which a running server does not take up"
        return Problem(what=what, file="befit.yaml", next_step="start befit serve again")

    def scopes(self, principal: Principal, workflow: Workflow | None) -> tuple[BudgetScope, ...]:
        """The money budgets that bind this principal on this workflow."""
        budgets = self.settings.budgets
        scopes: list[BudgetScope] = []
        if (name := principal.spends_as) is not None:
            tenant = principal.tenant
            if principal.budget_usd is not None:
                limit_usd, period = principal.budget_usd, principal.budget_period
                scopes.append(
                    BudgetScope(name=name, limit_usd=limit_usd, period=period, tenant=tenant)
                )
            elif budgets.keys is not None:
                limit = budgets.keys
                scopes.append(
                    BudgetScope(name=name, limit_usd=limit.usd, period=limit.period, tenant=tenant)
                )
        limit = budgets.workflows.get(workflow.name) if workflow else None
        if workflow is not None and limit is not None:
            scopes.append(
                BudgetScope(
                    name=f"workflow:{workflow.name}",
                    limit_usd=limit.usd,
                    period=limit.period,
                    tenant=principal.tenant,
                )
            )
        return tuple(scopes)

    def undeclared_class(self) -> DataClass:
        """The class of content that nobody declared."""
        return self.settings.undeclared_class
