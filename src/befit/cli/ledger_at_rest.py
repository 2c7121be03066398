"""`verify_at_rest`: the ledger of a workspace that no process holds, read without a trace."""

from __future__ import annotations

import hashlib
from dataclasses import asdict

from befit.audit import VerifyReport, verify
from befit.catalog import Workspace
from befit.cli.output import Document
from befit.settings import examine_workspace
from befit.storage import database_url, held_checkpoint

_NOTHING_YET = VerifyReport(
    ok=True, events=0, decisions=0, erased=0, root=hashlib.sha256().hexdigest(), problems=()
)
"""A workspace that nothing has opened: the root of an empty tree."""


def verify_at_rest(workspace: Workspace) -> Document:
    """Verify every byte, and against the database's copy of the last checkpoint too.

    The copy shows an end that was cut off together with the ledger's own checkpoints.
    """
    if not workspace.befit_dir.exists():
        return asdict(_NOTHING_YET)
    settings = examine_workspace(workspace).settings
    url = settings.storage_url if settings else database_url(workspace.db_path)
    return asdict(verify(workspace.befit_dir, held=held_checkpoint(url)))
