"""`Collaborators`: the rooms that the orchestrator works with, wired in `platform.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from befit.approvals import Approvals
from befit.audit import Ledger, RowTables
from befit.conversation import Conversations, TurnStore
from befit.identity import Authenticator
from befit.inference import ModelCaller, PermitSeal
from befit.knowledge.answers import QuotingModel
from befit.knowledge.feedback import FeedbackStore
from befit.knowledge.released import Released
from befit.knowledge.search import Library
from befit.metering import Budgets
from befit.orchestrator.in_force import InForce
from befit.routing import EvidenceBook, NamedCheck


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
        in_force: what the files say now; a run keeps what it began under.
        evidence: what a tenant has measured.
        seal: what makes permits; nobody else is given it.
        library: searches documents by their readers' rights.
        quoting: decides whether documents say what is asked.
        released: recognises what came from documents when it comes back.
        turns: what conversations asked of documents last.
        feedback: what was asked of documents, for who says later how good it was.
    """

    authenticator: Authenticator
    in_force: Callable[[], InForce]
    budgets: Budgets
    ledger: Ledger
    caller: ModelCaller
    seal: PermitSeal
    evidence: Callable[[str], EvidenceBook]
    approvals: Approvals
    pending: PendingRuns
    conversations: Conversations
    library: Library
    quoting: QuotingModel
    released: Released
    turns: TurnStore
    feedback: FeedbackStore
    checks: Mapping[str, NamedCheck]
    tables: RowTables
