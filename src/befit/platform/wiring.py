"""Wiring: the collaborators of the orchestrator, each made once."""

from __future__ import annotations

import time
from functools import partial
from importlib.metadata import entry_points

from befit.approvals import Approvals
from befit.catalog import Workspace
from befit.conversation import Conversations
from befit.identity import Authenticator
from befit.inference import (
    HttpClient,
    ModelCaller,
    OpenAICompatibleProvider,
    PermitSeal,
    resolve_key,
)
from befit.knowledge.answers import packaged_quoting
from befit.metering import Budgets
from befit.orchestrator import Collaborators, PendingRun
from befit.platform.base import Base
from befit.routing import NamedCheck
from befit.workflows import Run, RunStatus, RunStore


class _PendingRuns:
    """Keeps pending runs in the run store."""

    def __init__(self, runs: RunStore) -> None:
        self._runs = runs

    async def add_pending(self, pending: PendingRun) -> None:
        await self._runs.add(
            Run(
                run_id=pending.run_id,
                decision_id=pending.decision_id,
                tenant=pending.tenant,
                workflow=pending.workflow or "",
                principal_id=pending.principal_id,
                created_at=time.time(),
                status=RunStatus.PENDING_PERSON,
                approval_id=pending.approval_id,
            )
        )


def collaborators(base: Base, caller: ModelCaller, seal: PermitSeal) -> Collaborators:
    """The rooms that the orchestrator works with, on what lies on disk."""
    return Collaborators(
        authenticator=Authenticator(base.stores.identity, lambda: base.shelf.now.settings.identity),
        in_force=lambda: base.shelf.now,
        budgets=Budgets(base.stores.budgets),
        ledger=base.ledger,
        caller=caller,
        seal=seal,
        evidence=base.shelf.evidence_of,
        approvals=Approvals(base.stores.approvals),
        pending=_PendingRuns(base.stores.runs),
        conversations=Conversations(base.stores.conversations),
        library=base.library,
        quoting=packaged_quoting(),
        released=base.released,
        turns=base.stores.turns,
        feedback=base.stores.feedback,
        checks=_named_checks(),
        tables=base.tables,
    )


def openai_compatible(http: HttpClient, workspace: Workspace) -> OpenAICompatibleProvider:
    """The one provider behind every protocol that speaks OpenAI's."""
    # Key files are named relative to the workspace that names them.
    return OpenAICompatibleProvider(http, keys=partial(resolve_key, folder=workspace.root))


def _named_checks() -> dict[str, NamedCheck]:
    """A company's own checks, by the entry points they are installed under."""
    return {entry.name: entry.load() for entry in entry_points(group="befit.checks")}
