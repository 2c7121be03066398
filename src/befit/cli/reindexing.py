"""`rebuild_index`: the database's index made anew from the ledger, which is the truth."""

from __future__ import annotations

import asyncio
import secrets

from befit.audit import verify
from befit.catalog import Workspace, WorkspaceLock
from befit.cli.output import Document
from befit.cli.standpoint import standpoint
from befit.errors import WorkspaceError
from befit.gateway.operations import local_principal, record_administrative
from befit.platform import Platform
from befit.settings import load_settings
from befit.storage import forget_index, index_at_rest


async def rebuild_index(workspace: Workspace) -> Document:
    """Forget all that the ledger feeds, read it anew, and record what was found lacking.

    The ledger is verified first, and the index is left alone where it is not whole. A crash
    in between leaves an index that the next start completes.

    Raises:
        WorkspaceLocked: another process holds the workspace.
        WorkspaceError: the ledger is not whole, or a file cannot be read or written.
    """
    with WorkspaceLock(workspace):
        url = load_settings(workspace).storage_url
        found = await asyncio.to_thread(_found_wrong, workspace, url)
        await asyncio.to_thread(forget_index, url)
        async with Platform.opened(
            workspace,
            boot_key=secrets.token_bytes(32),
            models_socket=workspace.socket_path("models"),
        ) as platform:
            record = await record_administrative(
                platform,
                local_principal(platform, standpoint().tenant, None),
                action="reindexed",
                subject=workspace.db_path.name,
                told={"found": found},
            )
            events = sum(each.events for each in platform.ledger.durable_sizes().values())
    return {"events": events, "found": found, "record": record}


def _found_wrong(workspace: Workspace, url: str) -> tuple[str, ...]:
    """What the index lacks or makes up. Blocking.

    Raises:
        WorkspaceError: the ledger itself is not whole.
    """
    alone = verify(workspace.befit_dir)
    if not alone.ok:
        raise WorkspaceError(
            f"the ledger itself is not whole: {alone.problems[0]}",
            next_step="run `befit audit verify`; an index is made from a whole ledger alone",
        )
    with index_at_rest(url) as index:
        return verify(workspace.befit_dir, index=index).problems
