"""Operations that let models and workflows serve, and stop them: promote, retire, roll back.

The files stay the truth: each operation edits one, and the catalog takes it up as it takes up
any other change. What was done is in the ledger before it is anywhere else.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, replace

from befit.catalog import (
    Activation,
    Catalog,
    ItemKind,
    ModelCard,
    Stage,
    Workflow,
    WorkspaceEdit,
    card_of,
    gated,
    kind_of,
    release_of,
    short_digest,
    tenants_in_charge,
)
from befit.errors import Conflict, InvalidRequest
from befit.gateway.operations.catalog.activation import (
    editing,
    evidence_of,
    record_act,
    require_activation,
    take_up,
    version_of,
)
from befit.gateway.operations.operation import OpDocument, OpParams, operation
from befit.identity import Principal
from befit.platform import Platform

_RELEASE = re.compile(r"sha256:[0-9a-f]{12,64}")


class ItemName(OpParams, frozen=True, kw_only=True):
    """One model or workflow, by its name."""

    name: str


class ItemRelease(ItemName, frozen=True, kw_only=True):
    """One model or workflow, and what of it somebody has read and means.

    Attributes:
        release: `sha256:..`, whole or its first twelve digits and more; null takes what its
            file says now.
    """

    release: str | None = None


class LifecycleDocument(OpDocument, frozen=True, kw_only=True):
    """Where a model or a workflow stands now, and what brought it there.

    Attributes:
        release: the hash of everything its file says but its stage; what is activated.
        version: the hash that evaluations hang on.
        changed: False where it stood there already, and nothing was recorded.
        event: the ledger's event; null where nothing was recorded.
        evidence: what stands behind it: by workflow for a model, by model for a workflow.
        warnings: what its users should know.
    """

    kind: str
    name: str
    stage: str
    release: str
    version: str
    changed: bool
    by: str
    event: str | None
    evidence: dict[str, str]
    file: str | None
    warnings: tuple[str, ...]


async def promote_model(
    platform: Platform, principal: Principal, params: ItemRelease
) -> LifecycleDocument:
    """Let a model serve exactly as its card stands now.

    Raises:
        Forbidden: the principal may not activate it, as it is in force or as its card stands.
        NotFound: no such model.
        Conflict: its card stands for another release than the one that is named.
        WorkspaceError: its file cannot be changed.
    """
    card = platform.catalog.current.of(principal.tenant).find_card(params.name)
    named = _release_named(params)
    return await _become(platform, principal, card, Stage.APPROVED, release=named)


async def retire_model(
    platform: Platform, principal: Principal, params: ItemName
) -> LifecycleDocument:
    """Stop a model for good; workflows that name it go on with what else they name.

    Raises:
        As `promote_model`.
    """
    card = platform.catalog.current.of(principal.tenant).find_card(params.name)
    return await _become(platform, principal, card, Stage.RETIRED)


async def activate_workflow(
    platform: Platform, principal: Principal, params: ItemRelease
) -> LifecycleDocument:
    """Let a workflow serve exactly as its file stands now.

    Raises:
        As `promote_model`.
    """
    workflow = platform.catalog.current.of(principal.tenant).find_workflow(params.name)
    named = _release_named(params)
    return await _become(platform, principal, workflow, Stage.APPROVED, release=named)


async def retire_workflow(
    platform: Platform, principal: Principal, params: ItemName
) -> LifecycleDocument:
    """Stop a workflow for good.

    Raises:
        As `promote_model`.
    """
    workflow = platform.catalog.current.of(principal.tenant).find_workflow(params.name)
    return await _become(platform, principal, workflow, Stage.RETIRED)


async def roll_back_model(
    platform: Platform, principal: Principal, params: ItemName
) -> LifecycleDocument:
    """Bring back the card that was activated before this one, with all that it said.

    Raises:
        Forbidden, NotFound, WorkspaceError: as `promote_model`.
        Conflict: no earlier release is kept, or its artefact is gone.
    """
    card = platform.catalog.current.of(principal.tenant).find_card(params.name)
    require_activation(platform, principal, card)
    history = await platform.stores.activations.history(ItemKind.MODEL, card.name)
    async with editing(platform) as edit:
        standing = (await asyncio.to_thread(_standing, platform, edit)).find_card(card.name)
        before = _release_before(standing, history)
        restored = await asyncio.to_thread(_restored, platform, edit, before)
        require_activation(platform, principal, replace(restored, stage=standing.stage))
        told = {"rolled_back_from": release_of(standing)}
        event = await record_act(platform, principal, restored, Stage.APPROVED, told=told)
        return await _committed(platform, principal, edit, _Done(item=restored, event=event))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Done:
    """An item as it is about to be declared; `event` is None where nothing had to be done."""

    item: ModelCard | Workflow
    event: str | None


async def _become(
    platform: Platform,
    principal: Principal,
    item: ModelCard | Workflow,
    stage: Stage,
    *,
    release: str = "",
) -> LifecycleDocument:
    require_activation(platform, principal, item)
    kind = kind_of(item)
    async with editing(platform) as edit:
        # What is let serve is what the file says now, which may be newer than what is in force.
        standing = _find(await asyncio.to_thread(_standing, platform, edit), kind, item.name)
        if principal.tenant not in tenants_in_charge(standing):
            raise Conflict(f"{kind} {item.name} has just been changed", next_step="try again")
        require_activation(platform, principal, standing)
        _require_release(standing, release)
        declared = await asyncio.to_thread(_staged, edit, kind, item.name, stage)
        newest = platform.shelf.activations.newest(declared)
        stands = (
            newest is not None
            and (newest.stage, newest.release) == (stage, release_of(declared))
            and item.stage is stage
        )
        event = None if stands else await record_act(platform, principal, declared, stage, told={})
        return await _committed(platform, principal, edit, _Done(item=declared, event=event))


def _standing(platform: Platform, edit: WorkspaceEdit) -> Catalog:
    """What the files say now, each at the stage that it has by that. Blocking."""
    return gated(edit.preview(), platform.settings.activation, platform.shelf.activations)


def _staged(edit: WorkspaceEdit, kind: ItemKind, name: str, stage: Stage) -> ModelCard | Workflow:
    """The item as its file declares it once its stage is written. Blocking."""
    edit.put_stage(kind, name, stage)
    return _find(edit.preview(), kind, name)


def _restored(platform: Platform, edit: WorkspaceEdit, before: Activation) -> ModelCard:
    """The card as its file declares it once an earlier release is written. Blocking.

    Raises:
        Conflict: its artefact is gone, or the file cannot say what that release said.
    """
    former = card_of(before)
    _require_artefact(platform, former)
    edit.put_card(former)
    restored = edit.preview().find_card(before.name)
    if release_of(restored) != before.release:
        raise Conflict(
            f"release {short_digest(before.release)} of {before.name} cannot be written as it was",
            next_step="write the card in befit.yaml yourself",
        )
    return restored


def _release_named(params: ItemRelease) -> str:
    """The release that is meant, as far as it was given.

    Raises:
        InvalidRequest: it is too short to tell one from another, or none.
    """
    if params.release is None or _RELEASE.fullmatch(params.release):
        return params.release or ""
    raise InvalidRequest(
        f"{params.release!r} is no release",
        next_step="name it as it is shown: sha256: and at least twelve digits",
        param="release",
    )


def _require_release(item: ModelCard | Workflow, named: str) -> None:
    release = release_of(item)
    if not release.startswith(named):
        raise Conflict(
            f"{kind_of(item)} {item.name} is release {short_digest(release)} now, not {named}",
            next_step="read what its file says now, and name that release",
        )


async def _committed(
    platform: Platform, principal: Principal, edit: WorkspaceEdit, done: _Done
) -> LifecycleDocument:
    """Write the files, put them in force, and tell how the item stands now."""
    files = await asyncio.to_thread(edit.commit)
    await take_up(platform)
    kind = kind_of(done.item)
    catalog = platform.catalog.current
    now = _find(catalog, kind, done.item.name)
    return LifecycleDocument(
        kind=kind,
        name=now.name,
        stage=now.stage,
        release=release_of(now),
        version=version_of(now),
        changed=done.event is not None or bool(files),
        by=principal.id,
        event=done.event,
        evidence=evidence_of(
            platform.shelf.evidence_of(principal.tenant), catalog.of(principal.tenant), now
        ),
        file=str(files[0].relative_to(platform.workspace.root)) if files else None,
        warnings=tuple(_warnings(catalog.of(principal.tenant), now)),
    )


def _warnings(catalog: Catalog, item: ModelCard | Workflow) -> list[str]:
    if isinstance(item, Workflow):
        if item.stage is not Stage.APPROVED or not item.model_order:
            return []
        return [
            f"its model {name} is {card.stage} and takes no part"
            for name in item.model_order
            if (card := catalog.cards.get(name)) is not None and card.stage is not Stage.APPROVED
        ]
    if item.stage is Stage.APPROVED:
        return []
    return [
        f"workflow {workflow.name} has no approved model left"
        for workflow in catalog.workflows.values()
        if item.name in workflow.model_order and not _approved_models(catalog, workflow)
    ]


def _approved_models(catalog: Catalog, workflow: Workflow) -> tuple[str, ...]:
    return tuple(
        name
        for name in workflow.model_order
        if name in catalog.cards and catalog.cards[name].stage is Stage.APPROVED
    )


def _release_before(card: ModelCard, history: tuple[Activation, ...]) -> Activation:
    """The release that was activated before the card's, by when each was first activated.

    Raises:
        Conflict: there is none.
    """
    entitled = tenants_in_charge(card)
    first: dict[str, Activation] = {}
    for act in reversed(history):
        if act.stage is Stage.APPROVED and act.tenant in entitled:
            first.setdefault(act.release, act)
    releases = list(first)
    current = release_of(card)
    earlier = releases[: releases.index(current)] if current in first else releases
    if not earlier:
        raise Conflict(
            f"no release of model {card.name} before {short_digest(current)} was activated here",
            next_step="what is activated from now on is kept",
        )
    return first[earlier[-1]]


def _require_artefact(platform: Platform, card: ModelCard) -> None:
    if card.specialist is None:
        return
    folder = platform.workspace.artefacts_dir / card.specialist.artefact.removeprefix("sha256:")
    if not folder.is_dir():
        raise Conflict(
            f"the artefact {short_digest(card.specialist.artefact)} of model {card.name} is gone",
            next_step=f"restore {folder} from a backup",
        )


def _find(catalog: Catalog, kind: ItemKind, name: str) -> ModelCard | Workflow:
    if kind is ItemKind.MODEL:
        return catalog.find_card(name)
    return catalog.find_workflow(name)


OPERATIONS = (
    operation("models.promote", ItemRelease, promote_model),
    operation("models.retire", ItemName, retire_model),
    operation("models.rollback", ItemName, roll_back_model),
    operation("workflows.activate", ItemRelease, activate_workflow),
    operation("workflows.retire", ItemName, retire_workflow),
)
