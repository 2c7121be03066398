"""`verify_at_rest`: the ledger of a workspace that no process holds, read without a trace."""

from __future__ import annotations

import hashlib
from dataclasses import asdict

from befit.audit import VerifyReport, given_key, held_notes, verify
from befit.catalog import Workspace
from befit.cli.output import Document
from befit.settings import examine_workspace
from befit.storage import database_url, held_checkpoint, index_at_rest

_EMPTY_ROOT = hashlib.sha256().hexdigest()


def verify_at_rest(
    workspace: Workspace, *, public_key: str | None = None, checkpoints: str | None = None
) -> Document:
    """Verify every byte, and the database's index and copy of the last checkpoint too.

    The copy shows an end that was cut off together with the ledger's own checkpoints.

    Args:
        workspace: the workspace.
        public_key: the ledger's public key, as whoever audits holds it.
        checkpoints: the text of a file of checkpoints, as whoever audits holds it.

    Raises:
        InvalidRequest: the key or the checkpoints are none.
    """
    key = given_key(public_key)
    if not workspace.befit_dir.exists():
        return asdict(_nothing_yet(len(held_notes(None, checkpoints))))
    settings = examine_workspace(workspace).settings
    url = settings.storage_url if settings else database_url(workspace.db_path)
    held = held_notes(held_checkpoint(url), checkpoints)
    with index_at_rest(url) as index:
        return asdict(verify(workspace.befit_dir, public_key=key, held=held, index=index))


def _nothing_yet(promised: int) -> VerifyReport:
    """A workspace that nothing has opened: whole, unless a checkpoint says otherwise."""
    problems = ("there is no ledger, and checkpoints of one were given",) if promised else ()
    return VerifyReport(
        ok=not promised, events=0, decisions=0, erased=0, root=_EMPTY_ROOT, problems=problems
    )
