"""Whether the words of a search mean anything here: one that means nothing is named.

Decisions outlive the directory and the catalog, so a word counts as known where anything
that is configured bears it, or any decision does.
"""

from __future__ import annotations

from dataclasses import dataclass

from befit.errors import InvalidRequest, NotFound, nearest
from befit.gateway.operations.people.directory import key_of, person_of
from befit.metering import DecisionPage
from befit.platform import Platform
from befit.workflows import RunStatus

STATUSES = (
    "open",
    *(each.value for each in RunStatus if each is not RunStatus.RUNNING),
    "explained",
    "erased",
)
"""How a decision may stand, as a list shows it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Whom:
    """Who is meant by a search: principals, or one API key of theirs.

    Attributes:
        is_kept: whether the directory or the keys know them.
    """

    principal_ids: tuple[str, ...]
    key_id: str | None = None
    is_kept: bool = False


async def meant(platform: Platform, tenant: str, who: str) -> Whom:
    """Who is meant: a person by name, a key by its id, or a principal by its id.

    Nobody needs to be known: decisions outlive the directory.
    """
    person = person_of(await platform.stores.people.list(tenant), who)
    if person is not None:
        return Whom(principal_ids=(person.id,), is_kept=True)
    key = await key_of(platform, tenant, who)
    if key is not None:
        return Whom(principal_ids=(key.principal_id,), key_id=key.id, is_kept=True)
    return Whom(principal_ids=(who,))


async def require_known(platform: Platform, page: DecisionPage, who: str | None) -> None:
    """Go on only where each word of a search means something here.

    Call it once it is settled that the principal may ask: it tells who and what there is.

    Args:
        who: whom was asked for, as it was written.

    Raises:
        InvalidRequest: there is no such status or workflow, or `before` is no decision.
        NotFound: nobody of that name is known.
    """
    _require_status(page.status)
    if page.before is not None:
        await _require_decision(platform, page.tenant, page.before)
    if page.workflow is not None:
        await _require_workflow(platform, page, page.workflow)
    if who is not None and page.reach is None:
        await require_somebody(platform, page.tenant, who)


async def require_somebody(platform: Platform, tenant: str, who: str) -> Whom:
    """Who is meant, once the directory, the keys or any decision knows them.

    Raises:
        NotFound: naming the nearest.
    """
    whom = await meant(platform, tenant, who)
    asked = DecisionPage(tenant=tenant, limit=1, principal_ids=whom.principal_ids)
    if whom.is_kept or await _finds(platform, asked):
        return whom
    (principal_id,) = whom.principal_ids
    if await platform.erasure.has_keys(tenant, principal_id):
        return whom
    names = [person.name for person in await platform.stores.people.list(tenant)]
    hint = nearest(who, names)
    raise NotFound(
        f"nobody called {who[:80]!r} is known",
        next_step=hint or "name a person, the id of a key, or a principal's id",
    )


def _require_status(status: str | None) -> None:
    if status is None or status in STATUSES:
        return
    raise InvalidRequest(
        f"no status {status[:80]!r}",
        next_step=nearest(status, STATUSES) or f"statuses are {', '.join(STATUSES)}",
        param="status",
    )


async def _require_decision(platform: Platform, tenant: str, decision_id: str) -> None:
    if not await platform.projector.events_of(tenant, decision_id):
        raise InvalidRequest(
            f"before names no decision: {decision_id[:80]!r}",
            next_step="give the `next` of the page before",
            param="before",
        )


async def _require_workflow(platform: Platform, page: DecisionPage, name: str) -> None:
    workflows = platform.catalog.declared.of(page.tenant).workflows
    asked = DecisionPage(tenant=page.tenant, limit=1, workflow=name, reach=page.reach)
    if name in workflows or await _finds(platform, asked):
        return
    # Who may not audit is told of no workflow that policy may keep from them.
    hint = nearest(name, workflows) if page.reach is None else None
    raise InvalidRequest(
        f"no workflow {name[:80]!r}", next_step=hint or "see befit workflows", param="workflow"
    )


async def _finds(platform: Platform, page: DecisionPage) -> bool:
    await platform.projector.caught_up()
    return bool(await platform.stores.usage.decisions(page))
