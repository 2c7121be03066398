"""`Snapshot`: what is in force, as one value that is replaced whole."""

from __future__ import annotations

from dataclasses import dataclass

from befit.catalog import Catalog, Workflow
from befit.identity import Principal
from befit.knowledge.access import AccessRules
from befit.metering import BudgetScope
from befit.policy import Policy
from befit.policy.detection import Examine
from befit.settings import BudgetLimit, Settings
from befit.vocabulary import DataClass


@dataclass(frozen=True, kw_only=True, slots=True)
class Catalogs:
    """The catalog before and after the gate of activations.

    Attributes:
        declared: as the files say.
        current: as it may serve.
    """

    declared: Catalog
    current: Catalog


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """Everything that one reading of the files put in force; an `InForce` for the orchestrator.

    Attributes:
        access: who may read which documents, by path.
        examine: what examines texts; None where detection is switched off.
    """

    settings: Settings
    policy: Policy
    access: AccessRules
    examine: Examine | None
    catalogs: Catalogs

    @property
    def catalog(self) -> Catalog:
        """Cards and workflows as they may serve."""
        return self.catalogs.current

    @property
    def undeclared_class(self) -> DataClass:
        """The class of content that nobody declared."""
        return self.settings.undeclared_class

    def scopes(self, principal: Principal, workflow: Workflow | None) -> tuple[BudgetScope, ...]:
        """The money budgets that bind this principal on this workflow."""
        budgets = self.settings.budgets
        scopes: list[BudgetScope] = []
        if (name := principal.spends_as) is not None:
            if principal.budget_usd is not None:
                own = BudgetLimit(usd=principal.budget_usd, period=principal.budget_period)
                scopes.append(_scope(name, own, principal))
            elif budgets.keys is not None:
                scopes.append(_scope(name, budgets.keys, principal))
        limit = budgets.workflows.get(workflow.name) if workflow else None
        if workflow is not None and limit is not None:
            scopes.append(_scope(f"workflow:{workflow.name}", limit, principal))
        return tuple(scopes)


def _scope(name: str, limit: BudgetLimit, principal: Principal) -> BudgetScope:
    return BudgetScope(name=name, limit_usd=limit.usd, period=limit.period, tenant=principal.tenant)
