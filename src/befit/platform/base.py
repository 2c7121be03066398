"""`Base`: what lies on disk, opened before anything is wired and closed last."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from befit.audit import (
    Checkpointer,
    CheckpointPlan,
    Erasure,
    FileLedger,
    LedgerReader,
    Projector,
    Prover,
    SealedTables,
    open_keyring,
    open_ledger,
)
from befit.catalog import Workspace
from befit.knowledge.released import Mark, Released
from befit.knowledge.retrieval import packaged_weights
from befit.knowledge.search import Library
from befit.platform.shelf import Shelf
from befit.platform.stores import Stores
from befit.settings import Settings, load_settings
from befit.storage import Database, SqlOpenWork, SqlPersonalRows, upgrade


@dataclass(frozen=True, kw_only=True, slots=True)
class Base:
    """What lies on disk: database, ledger, and the projection between them."""

    database: Database
    stores: Stores
    shelf: Shelf
    ledger: FileLedger
    projector: Projector
    checkpointer: Checkpointer
    prover: Prover
    tables: SealedTables
    erasure: Erasure
    reader: LedgerReader
    library: Library
    mark: Mark
    released: Released

    @classmethod
    def open(cls, workspace: Workspace, log: str) -> Base:
        """Blocking: opens files and brings the database's schema up to date."""
        shelf_settings = load_settings(workspace)
        keyring = open_keyring(workspace.befit_dir, tenants=shelf_settings.identity.tenants)
        upgrade(shelf_settings.storage_url)
        database = Database(shelf_settings.storage_url)
        stores = Stores.on(database, keyring.sealer)
        reader = LedgerReader(workspace.befit_dir, keyring.sealer)
        projector = Projector(index=stores.decisions, reader=reader)
        ledger = open_ledger(
            workspace.befit_dir, keyring, log=log, previous=projector.previous_digest
        )
        shelf = Shelf(workspace, stores)
        mark = Mark(workspace.befit_dir / "released")
        return cls(
            database=database,
            stores=stores,
            shelf=shelf,
            ledger=ledger,
            projector=projector,
            checkpointer=Checkpointer(
                ledger, stores.checkpoints, lambda: _checkpoint_plan(shelf.now.settings, workspace)
            ),
            prover=Prover(workspace.befit_dir, reader),
            tables=SealedTables(workspace.artefacts_dir, keyring.sealer),
            reader=reader,
            library=Library(workspace.knowledge_dir, stores.knowledge, packaged_weights()),
            mark=mark,
            released=Released(stores.released, mark),
            erasure=Erasure(
                ledger,
                keyring,
                SqlPersonalRows(database),
                open_work=SqlOpenWork(database),
                caught_up=projector.caught_up,
            ),
        )

    async def close(self) -> None:
        """Write the checkpoint, copy it to the database, and close all that is open."""
        try:
            await asyncio.to_thread(self.library.close)
            self.mark.close()
            note = await asyncio.to_thread(self.ledger.close)
            if note is not None:
                await self.checkpointer.keep(note)
        finally:
            await asyncio.to_thread(self.database.close)


def _checkpoint_plan(settings: Settings, workspace: Workspace) -> CheckpointPlan:
    file = settings.audit.checkpoint_file
    return CheckpointPlan(
        every_s=settings.audit.checkpoint_every_s,
        # Relative to the workspace that names it; an absolute path stays as it is.
        file=None if file is None else workspace.root / Path(file).expanduser(),
    )
