"""The operation `reload`: take up changed files now, or say why they are not taken."""

from __future__ import annotations

from befit.gateway.operations.entitled import require_admin
from befit.gateway.operations.operation import NoParams, OpDocument
from befit.identity import Principal
from befit.platform import Platform


class ReloadDocument(OpDocument, frozen=True, kw_only=True):
    """Whether a new catalog is in force, and what keeps the files from being it."""

    changed: bool
    problems: tuple[str, ...]
    version: str


async def reload(platform: Platform, principal: Principal, params: NoParams) -> ReloadDocument:
    """Look at the files again; wrong ones change nothing."""
    del params
    require_admin(principal, "reload the workspace")
    found = await platform.shelf.reload()
    return ReloadDocument(
        changed=found.changed,
        problems=tuple(str(problem) for problem in found.problems),
        version=platform.catalog.current.version,
    )
