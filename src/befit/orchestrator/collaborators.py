"""`Collaborators`: the rooms that the orchestrator works with, wired in `platform.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from befit.approvals import Approvals
from befit.audit import Ledger, RowTables
from befit.catalog import Catalog, Workflow
from befit.conversation import Conversations
from befit.identity import Authenticator, Principal
from befit.inference import ModelCaller, PermitSeal
from befit.metering import Budgets, BudgetScope
from befit.policy import Policy
from befit.policy.detection import Examine
from befit.routing import EvidenceBook, NamedCheck
from befit.vocabulary import DataClass


@dataclass(frozen=True, kw_only=True, slots=True)
class PendingRun:
    """A run whose caller has left with `pending_person`."""

    tenant: str
    run_id: str
    decision_id: str
    workflow: str | None
    principal_id: str
    approval_id: str


class PendingRuns(Protocol):
    """Keeps runs that wait for a person, so that their caller can poll them."""

    async def add_pending(self, pending: PendingRun) -> None:
        """Keep the run, durably."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Collaborators:
    """Everything a run needs beside its own state.

    Attributes:
        policy: the version in force; a run keeps the one it began under.
        examine: what examines texts; None where detection is switched off.
        evidence: what a tenant has measured.
        seal: what makes permits; nobody else is given it.
        scopes: the money budgets that bind a principal on a workflow.
        undeclared: the class of content that nobody declared.
    """

    authenticator: Authenticator
    catalog: Callable[[], Catalog]
    policy: Callable[[], Policy]
    examine: Callable[[], Examine | None]
    budgets: Budgets
    scopes: Callable[[Principal, Workflow | None], tuple[BudgetScope, ...]]
    ledger: Ledger
    caller: ModelCaller
    seal: PermitSeal
    evidence: Callable[[str], EvidenceBook]
    approvals: Approvals
    pending: PendingRuns
    conversations: Conversations
    checks: Mapping[str, NamedCheck]
    undeclared: Callable[[], DataClass]
    tables: RowTables
