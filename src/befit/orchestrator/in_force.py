"""`InForce`: what a run is decided under, taken once when it opens."""

from __future__ import annotations

from typing import Protocol

from befit.catalog import Catalog, Workflow
from befit.identity import Principal
from befit.metering import BudgetScope
from befit.policy import Policy
from befit.policy.detection import Examine
from befit.vocabulary import DataClass


class InForce(Protocol):
    """All that the workspace's files say to a run, of one reading of them.

    An immutable value: what reloads meanwhile is another one, so that no run is decided half
    by old files and half by new ones.
    """

    @property
    def catalog(self) -> Catalog:
        """Cards and workflows of all tenants, as they may serve."""
        ...

    @property
    def policy(self) -> Policy:
        """The version of the rules."""
        ...

    @property
    def examine(self) -> Examine | None:
        """What examines texts; None where detection is switched off."""
        ...

    @property
    def undeclared_class(self) -> DataClass:
        """The class of content that nobody declared."""
        ...

    def scopes(self, principal: Principal, workflow: Workflow | None) -> tuple[BudgetScope, ...]:
        """The money budgets that bind a principal on a workflow."""
        ...
