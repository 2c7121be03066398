"""`Platform`: every collaborator of a workspace, wired once.

    async with Platform.opened(workspace, boot_key=key, models_socket=socket) as platform:
        answer = await platform.orchestrator.handle(arrival)

Only here is the permit seal made and handed out, and only the orchestrator is given it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

from befit.approvals import Approval
from befit.audit import DecisionRecord, RecoveryReport, fold, recover
from befit.catalog import Via, Workspace
from befit.errors import LedgerUnavailable, NotFound
from befit.identity import local_administrator
from befit.inference import OPENAI_COMPATIBLE, HttpClient, ModelCaller, PermitGate, PermitSeal
from befit.inference.embedded import EmbeddedProvider
from befit.metering import restore
from befit.orchestrator import Collaborators, Orchestrator, Resolutions
from befit.platform.base import Base
from befit.platform.snapshot import Catalogs
from befit.platform.wiring import collaborators, openai_compatible
from befit.policy import Policy
from befit.settings import Settings
from befit.workflows import Finish, Run, RunPage, RunStatus

_RUNS_PAGE = 200


class Platform:
    """One process's view of a workspace: all rooms, opened and closed together.

    Attributes:
        shelf: what is in force, and what was measured.
        recovery: what had to be made good when the ledger was opened.
        long_look: held by who asks policy very much for somebody who only looks, so that many
            of them at once take no more from requests than one.
        editing: held by who writes the workspace's files. Whoever waits for them waits here,
            where it takes no thread from who has them.
    """

    def __init__(
        self, workspace: Workspace, base: Base, rooms: Collaborators, recovery: RecoveryReport
    ) -> None:
        self.workspace = workspace
        self.stores = base.stores
        self.shelf = base.shelf
        self.ledger = base.ledger
        self.projector = base.projector
        self.checkpointer = base.checkpointer
        self.prover = base.prover
        self.erasure = base.erasure
        self.reader = base.reader
        self.tables = rooms.tables
        self.library = base.library
        self.caller = rooms.caller
        self.approvals = rooms.approvals
        self.authenticator = rooms.authenticator
        self.orchestrator = Orchestrator(rooms)
        self.resolutions = Resolutions(
            rooms.approvals, base.ledger, base.projector.events_of, self._finish_run
        )
        self.recovery = recovery
        self.long_look = asyncio.Lock()
        self.editing = asyncio.Lock()

    @classmethod
    @asynccontextmanager
    async def opened(
        cls, workspace: Workspace, *, boot_key: bytes, models_socket: Path, log: str = "0"
    ) -> AsyncGenerator[Platform]:
        """Open all rooms, make good what a crash left, and close them again in order.

        The caller holds the workspace's lock, or is the process of one who does.

        Raises:
            WorkspaceError: a file of the workspace is missing or wrong.
        """
        workspace.prepare()
        base = await asyncio.to_thread(Base.open, workspace, log)
        http = HttpClient()
        embedded = EmbeddedProvider(models_socket)
        try:
            base.projector.follow(base.ledger)
            recovery = await recover(ledger=base.ledger, projector=base.projector)
            await base.projector.caught_up()
            await restore(base.stores.budgets, base.stores.usage)
            await base.shelf.refresh()
            providers = dict.fromkeys(OPENAI_COMPATIBLE, openai_compatible(http, workspace))
            caller = ModelCaller(PermitGate(boot_key), {**providers, Via.EMBEDDED: embedded})
            rooms = collaborators(base, caller, PermitSeal(boot_key))
            platform = cls(workspace, base, rooms, recovery)
            await platform._recover_approvals()
            following = asyncio.create_task(base.projector.run())
            try:
                yield platform
            finally:
                await platform.orchestrator.drain()
                await _end_what_has_no_end(base)
                await rooms.budgets.close()
                following.cancel()
                with suppress(asyncio.CancelledError):
                    await following
                await base.projector.caught_up()
        finally:
            await embedded.close()
            http.close()
            await base.close()

    @property
    def settings(self) -> Settings:
        """What `befit.yaml` says now."""
        return self.shelf.now.settings

    @property
    def policy(self) -> Policy:
        """The version of policy in force."""
        return self.shelf.now.policy

    @property
    def catalog(self) -> Catalogs:
        """Cards and workflows as they are now."""
        return self.shelf.now.catalogs

    async def record(self, tenant: str, decision_id: str) -> DecisionRecord:
        """The account of one decision, everything just appended included.

        Raises:
            NotFound: the tenant has no such decision.
        """
        events = await self.projector.events_of(tenant, decision_id)
        if not events:
            raise NotFound(f"no decision {decision_id!r}")
        return fold(events)

    async def _recover_approvals(self) -> None:
        waiting = await self.stores.decisions.open_decisions()
        ids = frozenset(item.decision_id for item in waiting if item.is_waiting)
        for tenant in self.settings.identity.tenants:
            unfinished = await self._awaited_approvals(tenant)
            await self.resolutions.recover(ids, unfinished, local_administrator(tenant=tenant))

    async def _awaited_approvals(self, tenant: str) -> tuple[str, ...]:
        """The approvals that a tenant's runs still wait for."""
        page = RunPage(tenant=tenant, status=RunStatus.PENDING_PERSON, limit=_RUNS_PAGE)
        found: list[str] = []
        while True:
            runs = await self.stores.runs.list(page)
            found += [run.approval_id for run in runs if run.approval_id is not None]
            if len(runs) < _RUNS_PAGE:
                return tuple(found)
            page = replace(page, before=runs[-1].run_id)

    async def _finish_run(self, approval: Approval, *, status: str, output: str | None) -> None:
        finish = Finish(
            status=RunStatus(status),
            at=time.time(),
            output=output,
            data_class=approval.data_class,
        )
        # A run that was never kept is kept now; one that is there stays as it is.
        await self.stores.runs.add(_pending_run(approval))
        await self.stores.runs.finish(approval.tenant, approval.run_id, finish)


async def _end_what_has_no_end(base: Base) -> None:
    """Close what a disk that refused for a while has left open; nothing is under way now."""
    if base.ledger.is_available:
        with suppress(LedgerUnavailable):  # the next start does it
            await base.projector.caught_up()
            await recover(ledger=base.ledger, projector=base.projector)


def _pending_run(approval: Approval) -> Run:
    return Run(
        run_id=approval.run_id,
        decision_id=approval.decision_id,
        tenant=approval.tenant,
        workflow=approval.workflow,
        principal_id=approval.requester_id,
        created_at=approval.created_at,
        status=RunStatus.PENDING_PERSON,
        approval_id=approval.id,
    )
