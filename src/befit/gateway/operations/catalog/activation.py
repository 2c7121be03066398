"""Letting somebody entitled activate: who may, what is recorded, and when it is in force."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import ExitStack, asynccontextmanager

import msgspec

from befit.catalog import (
    Activation,
    Catalog,
    ModelCard,
    Stage,
    Workflow,
    WorkspaceEdit,
    card_version,
    content_of,
    kind_of,
    problems_as_error,
    release_of,
    tenants_in_charge,
)
from befit.errors import Forbidden
from befit.gateway.operations.administration import record_administrative
from befit.gateway.operations.entitled import may, require
from befit.gateway.operations.operation import OpDocument
from befit.identity import Principal
from befit.platform import Platform
from befit.policy import Action, Resource
from befit.routing import EvidenceBook
from befit.vocabulary import DEFAULT_TENANT


class ActivatedDocument(OpDocument, frozen=True, kw_only=True):
    """The newest act on a name: who activated or retired which release, and when.

    `by` and `event` are null where somebody of another tenant did it.
    """

    stage: str
    release: str
    by: str | None
    at: float
    event: str | None


def require_activation(
    platform: Platform, principal: Principal, item: ModelCard | Workflow
) -> None:
    """Let pass who may activate the item, by policy and by whose it is.

    Raises:
        Forbidden: naming the rule, or the tenant whose administrators may.
    """
    kind = kind_of(item)
    what = f"activate or retire {kind} {item.name}"
    require(platform, principal, Action.ACTIVATE, what, resource_of(item))
    if principal.tenant not in tenants_in_charge(item):
        raise Forbidden(
            f"{kind} {item.name} is shared by all tenants: it is activated in tenant "
            f"{DEFAULT_TENANT}, not in {principal.tenant}",
            next_step=f"befit --tenant {DEFAULT_TENANT} ..",
        )


def may_activate(platform: Platform, principal: Principal, item: ModelCard | Workflow) -> bool:
    """Whether the principal may let the item serve, by policy and by whose it is."""
    is_theirs = principal.tenant in tenants_in_charge(item)
    return is_theirs and may(platform, principal, Action.ACTIVATE, resource_of(item))


def resource_of(item: ModelCard | Workflow) -> Resource:
    """A model or workflow as policy sees what is done to it."""
    return Resource.of_workflow(item) if isinstance(item, Workflow) else Resource.of_model(item)


def last_act(
    platform: Platform, principal: Principal, item: ModelCard | Workflow
) -> ActivatedDocument | None:
    """The newest act on an item as the principal may see it; None where nothing was recorded."""
    act = platform.shelf.activations.newest(item)
    if act is None:
        return None
    is_ours = act.tenant == principal.tenant
    return ActivatedDocument(
        stage=act.stage,
        release=act.release,
        by=act.by if is_ours else None,
        at=act.at,
        event=act.event if is_ours else None,
    )


def shown_tenants(principal: Principal, item: ModelCard | Workflow) -> tuple[str, ...]:
    """Whose an item is, as far as the principal may know: no tenant learns of another."""
    return tuple(item.tenants & {principal.tenant})


async def record_act(
    platform: Platform,
    principal: Principal,
    item: ModelCard | Workflow,
    stage: Stage,
    *,
    told: Mapping[str, object],
) -> str:
    """Record that an item was activated or retired: in the ledger first, then for the gate.

    Args:
        item: as its file is about to declare it.
        stage: what it becomes, `approved` or `retired`.
        told: what the event says beside that.

    Returns:
        The event's id.
    """
    kind, release = kind_of(item), release_of(item)
    event = await record_administrative(
        platform,
        principal,
        action="activated" if stage is Stage.APPROVED else "retired",
        subject=f"{kind}:{item.name}",
        told={
            **told,
            "kind": kind,
            "name": item.name,
            "release": release,
            "version": version_of(item),
            "content": msgspec.Raw(content_of(item).encode()),
            "evidence": evidence_of(
                platform.shelf.evidence_of(principal.tenant),
                platform.catalog.declared.of(principal.tenant),
                item,
            ),
        },
    )
    await platform.stores.activations.add(
        Activation(
            tenant=principal.tenant,
            kind=kind,
            name=item.name,
            release=release,
            stage=stage,
            content=content_of(item),
            by=principal.id,
            event=event,
            at=time.time(),
        )
    )
    return event


def evidence_by_workflow(
    book: EvidenceBook, card: ModelCard, workflows: Iterable[Workflow]
) -> dict[str, str]:
    """What stands behind a card for each workflow that it may serve."""
    return {
        workflow.name: book.evidence(card, workflow)
        for workflow in workflows
        if not workflow.model_order or card.name in workflow.model_order
    }


def evidence_by_model(book: EvidenceBook, workflow: Workflow, catalog: Catalog) -> dict[str, str]:
    """What stands behind each model that a workflow names."""
    named = (catalog.cards.get(name) for name in workflow.model_order)
    return {card.name: book.evidence(card, workflow) for card in named if card is not None}


def evidence_of(book: EvidenceBook, catalog: Catalog, item: ModelCard | Workflow) -> dict[str, str]:
    """What stands behind a model by workflow, or behind a workflow by model."""
    if isinstance(item, Workflow):
        return evidence_by_model(book, item, catalog)
    return evidence_by_workflow(book, item, catalog.workflows.values())


@asynccontextmanager
async def editing(platform: Platform) -> AsyncGenerator[WorkspaceEdit]:
    """An edit that no other comes between: what is judged and recorded is what is written."""
    async with platform.editing:
        with ExitStack() as held:
            alone = WorkspaceEdit.alone(platform.workspace)
            yield await asyncio.to_thread(held.enter_context, alone)


async def take_up(platform: Platform) -> None:
    """Put changed files and new activations in force.

    Raises:
        WorkspaceError: the files have a problem, so that the old ones stay in force.
    """
    reload = await platform.shelf.reload()
    if reload.problems:
        raise problems_as_error(reload.problems)
    if not reload.touched:  # else the reload has read the new activations itself
        await platform.shelf.refresh()


def version_of(item: ModelCard | Workflow) -> str:
    """The hash that evaluations of a model or a workflow hang on."""
    return item.version if isinstance(item, Workflow) else card_version(item)
