"""The operation `reload`: take up changed files now, or say why they are not taken."""

from __future__ import annotations

from befit.gateway.operations.entitled import require
from befit.gateway.operations.operation import NoParams, OpDocument, operation
from befit.identity import Principal
from befit.platform import Platform
from befit.policy import Action


class ReloadDocument(OpDocument, frozen=True, kw_only=True):
    """Whether something else is in force now, and what keeps the files from being it.

    `version` is the catalog's, `policy` the hash of the rules.
    """

    changed: bool
    problems: tuple[str, ...]
    version: str
    policy: str


async def reload(platform: Platform, principal: Principal, params: NoParams) -> ReloadDocument:
    """Look at the files again; wrong ones change nothing."""
    del params
    require(platform, principal, Action.ADMINISTER, "reload the workspace")
    found = await platform.shelf.reload()
    return ReloadDocument(
        changed=found.changed,
        problems=tuple(str(problem) for problem in found.problems),
        version=platform.catalog.current.version,
        policy=platform.policy.hash,
    )


OPERATIONS = (operation("reload", NoParams, reload),)
