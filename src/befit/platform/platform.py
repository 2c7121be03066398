"""The composition root: every collaborator of a workspace, wired once.

    async with Platform.opened(workspace, boot_key=key, models_socket=socket) as platform:
        answer = await platform.orchestrator.handle(arrival)

Only here is the permit seal made and handed out, and only the orchestrator is given it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path

from befit.approvals import Approval, Approvals
from befit.audit import (
    CheckpointStore,
    DecisionIndex,
    DecisionRecord,
    FileLedger,
    LedgerReader,
    Projector,
    RecoveryReport,
    SealedTables,
    fold,
    open_keyring,
    open_ledger,
    recover,
)
from befit.catalog import (
    CatalogReading,
    CatalogSource,
    Evaluation,
    EvaluationStore,
    Problem,
    Reload,
    Via,
    Workflow,
    Workspace,
)
from befit.conversation import Conversations
from befit.errors import NotFound
from befit.identity import Authenticator, KeyStore, Principal, local_administrator
from befit.inference import (
    OPENAI_COMPATIBLE,
    HttpClient,
    ModelCaller,
    OpenAICompatibleProvider,
    PermitGate,
    PermitSeal,
    resolve_key,
)
from befit.inference.embedded import EmbeddedProvider
from befit.metering import Budgets, BudgetScope, UsageStore, restore
from befit.orchestrator import Collaborators, Orchestrator, PendingRun, Resolutions
from befit.policy import Policy
from befit.routing import EvidenceBook, NamedCheck
from befit.settings import Settings, examine_reading, load_settings
from befit.storage import (
    Database,
    SqlApprovalStore,
    SqlBudgetStore,
    SqlCheckpointStore,
    SqlConversationStore,
    SqlDecisionIndex,
    SqlEvaluationStore,
    SqlKeyStore,
    SqlRunStore,
    SqlUsageStore,
    SqlWorkflowVersionStore,
    upgrade,
)
from befit.vocabulary import DEFAULT_TENANT, DataClass
from befit.workflows import Finish, Run, RunPage, RunStatus, RunStore

_RUNS_PAGE = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Stores:
    """Every room's store on the workspace's database."""

    keys: KeyStore
    approvals: SqlApprovalStore
    budgets: SqlBudgetStore
    checkpoints: CheckpointStore
    conversations: SqlConversationStore
    decisions: DecisionIndex
    evaluations: EvaluationStore
    runs: RunStore
    usage: UsageStore
    versions: SqlWorkflowVersionStore


class Shelf:
    """What may change while the platform runs: catalog, settings and evidence, each whole."""

    def __init__(self, workspace: Workspace, stores: Stores) -> None:
        self._workspace = workspace
        self.settings: Settings  # taken from the same reading as the catalog, or not at all
        self.source = CatalogSource(workspace, examine=self._examine)
        self.evidence = EvidenceBook()
        self._stores = stores
        self._refreshed = ""  # the catalog version that `evidence` is of
        self._turn = asyncio.Lock()  # the watch and an operation may reload at once

    async def reload(self) -> Reload:
        """Take up changed files; a wrong file changes nothing and is told."""
        async with self._turn:
            reload = await asyncio.to_thread(self.source.reload_if_changed)
            if self.source.current.version != self._refreshed:
                await self.refresh()
            return reload

    async def refresh(self) -> None:
        """Keep each workflow version by its hash and read what was measured of it."""
        catalog = self.source.current
        found: list[Evaluation] = []
        for workflow in catalog.workflows.values():
            content = catalog.contents[workflow.name]
            await self._stores.versions.keep(
                DEFAULT_TENANT, workflow.name, workflow.version, content
            )
            found += await self._stores.evaluations.latest(DEFAULT_TENANT, workflow.name)
        self.evidence = EvidenceBook(found)
        self._refreshed = catalog.version

    def _examine(self, reading: CatalogReading) -> tuple[Problem, ...]:
        examination = examine_reading(reading, self._workspace)
        if examination.settings is not None:  # nothing is wrong, so the catalog follows
            self.settings = examination.settings
        return examination.problems

    def scopes(self, principal: Principal, workflow: Workflow | None) -> tuple[BudgetScope, ...]:
        """The money budgets that bind this principal on this workflow."""
        budgets = self.settings.budgets
        scopes: list[BudgetScope] = []
        if principal.key_id is not None:
            name, tenant = f"key:{principal.key_id}", principal.tenant
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


class Platform:
    """One process's view of a workspace: all rooms, opened and closed together.

    Attributes:
        shelf: catalog, settings and evidence as they are now.
        recovery: what had to be made good when the ledger was opened.
    """

    def __init__(
        self, workspace: Workspace, base: _Base, rooms: Collaborators, recovery: RecoveryReport
    ) -> None:
        self.workspace = workspace
        self.stores = base.stores
        self.shelf = base.shelf
        self.ledger = base.ledger
        self.projector = base.projector
        self.tables = rooms.tables
        self.caller = rooms.caller
        self.policy = rooms.policy
        self.approvals = rooms.approvals
        self.authenticator = rooms.authenticator
        self.orchestrator = Orchestrator(rooms)
        self.resolutions = Resolutions(
            rooms.approvals, base.ledger, base.projector.events_of, self._finish_run
        )
        self.recovery = recovery

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
        base = await asyncio.to_thread(_Base.open, workspace, log)
        http = HttpClient()
        embedded = EmbeddedProvider(models_socket)
        try:
            base.projector.follow(base.ledger)
            recovery = await recover(ledger=base.ledger, projector=base.projector)
            await base.projector.caught_up()
            await restore(base.stores.budgets, base.stores.usage)
            await base.shelf.refresh()
            providers = dict.fromkeys(OPENAI_COMPATIBLE, _openai_compatible(http, workspace))
            caller = ModelCaller(PermitGate(boot_key), {**providers, Via.EMBEDDED: embedded})
            rooms = _collaborators(base, caller, PermitSeal(boot_key))
            platform = cls(workspace, base, rooms, recovery)
            await platform._recover_approvals()
            following = asyncio.create_task(base.projector.run())
            try:
                yield platform
            finally:
                await platform.orchestrator.drain()
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
        return self.shelf.settings

    @property
    def catalog(self) -> CatalogSource:
        """Cards and workflows as they are now."""
        return self.shelf.source

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
        unfinished = await self._awaited_approvals()
        await self.resolutions.recover(ids, unfinished, local_administrator())

    async def _awaited_approvals(self) -> tuple[str, ...]:
        """The approvals that runs still wait for."""
        page = RunPage(status=RunStatus.PENDING_PERSON, limit=_RUNS_PAGE)
        found: list[str] = []
        while True:
            runs = await self.stores.runs.list(page)
            found += [run.approval_id for run in runs if run.approval_id is not None]
            if len(runs) < _RUNS_PAGE:
                return tuple(found)
            page = replace(page, before=runs[-1].run_id)

    async def _finish_run(self, approval: Approval, *, status: str, output: str | None) -> None:
        finish = Finish(status=RunStatus(status), at=time.time(), output=output)
        # A run that was never kept is kept now; one that is there stays as it is.
        await self.stores.runs.add(_pending_run(approval))
        await self.stores.runs.finish(approval.tenant, approval.run_id, finish)


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


@dataclass(frozen=True, kw_only=True, slots=True)
class _Base:
    """What lies on disk: database, ledger, and the projection between them."""

    database: Database
    stores: Stores
    shelf: Shelf
    ledger: FileLedger
    projector: Projector
    tables: SealedTables

    @classmethod
    def open(cls, workspace: Workspace, log: str) -> _Base:
        """Blocking: opens files and brings the database's schema up to date."""
        keyring = open_keyring(workspace.befit_dir)
        shelf_settings = load_settings(workspace)
        upgrade(shelf_settings.storage_url)
        database = Database(shelf_settings.storage_url)
        stores = Stores(
            keys=SqlKeyStore(database),
            approvals=SqlApprovalStore(database, keyring.sealer),
            budgets=SqlBudgetStore(database),
            checkpoints=SqlCheckpointStore(database),
            conversations=SqlConversationStore(database),
            decisions=SqlDecisionIndex(database),
            evaluations=SqlEvaluationStore(database),
            runs=SqlRunStore(database, keyring.sealer),
            usage=SqlUsageStore(database),
            versions=SqlWorkflowVersionStore(database),
        )
        reader = LedgerReader(workspace.befit_dir, keyring.sealer)
        projector = Projector(index=stores.decisions, reader=reader)
        return cls(
            database=database,
            stores=stores,
            shelf=Shelf(workspace, stores),
            ledger=open_ledger(
                workspace.befit_dir, keyring, log=log, previous=projector.previous_digest
            ),
            projector=projector,
            tables=SealedTables(workspace.artefacts_dir, keyring.sealer),
        )

    async def close(self) -> None:
        """Write the checkpoint, copy it to the database, and close both."""
        try:
            note = await asyncio.to_thread(self.ledger.close)
            if note is not None:
                await self.stores.checkpoints.keep(note)
        finally:
            await asyncio.to_thread(self.database.close)


def _collaborators(base: _Base, caller: ModelCaller, seal: PermitSeal) -> Collaborators:
    return Collaborators(
        authenticator=Authenticator(base.stores.keys),
        catalog=lambda: base.shelf.source.current,
        policy=Policy(),
        budgets=Budgets(base.stores.budgets),
        scopes=base.shelf.scopes,
        ledger=base.ledger,
        caller=caller,
        seal=seal,
        evidence=lambda: base.shelf.evidence,
        approvals=Approvals(base.stores.approvals),
        pending=_PendingRuns(base.stores.runs),
        conversations=Conversations(base.stores.conversations),
        checks=_named_checks(),
        undeclared=base.shelf.undeclared_class,
        tables=base.tables,
    )


def _openai_compatible(http: HttpClient, workspace: Workspace) -> OpenAICompatibleProvider:
    # Key files are named relative to the workspace that names them.
    return OpenAICompatibleProvider(http, keys=partial(resolve_key, folder=workspace.root))


def _named_checks() -> dict[str, NamedCheck]:
    """A company's own checks, by the entry points they are installed under."""
    return {entry.name: entry.load() for entry in entry_points(group="befit.checks")}
