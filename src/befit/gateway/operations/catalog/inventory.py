"""The operation `inventory`: what there is, whose it is, and where it stands.

What compliance evidence is made from: every list is in the order of names, every hash names
exactly what stood in the files, and what is not known is null.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

from befit.catalog import (
    Catalog,
    Evaluation,
    ModelCard,
    Workflow,
    card_version,
    release_of,
)
from befit.gateway.operations.catalog.activation import ActivatedDocument, last_act, shown_tenants
from befit.gateway.operations.entitled import require
from befit.gateway.operations.operation import NoParams, OpDocument, operation
from befit.identity import Principal
from befit.metering import LastUse
from befit.platform import Platform
from befit.policy import Action

_PACKAGED = "packaged "
"""How policy's rules name a set that comes with Befit, in place of a file."""


class MeasuredDocument(OpDocument, frozen=True, kw_only=True):
    """The newest evaluation of a model for a workflow.

    Attributes:
        is_current: whether both are still what was measured; else it is no evidence.
    """

    workflow: str
    model: str
    workflow_version: str
    model_version: str
    is_current: bool
    n: int
    score: float
    interval: tuple[float, float]
    metric: str
    p95_ms: float
    cases_sha256: str
    at: float


class ModelEntryDocument(OpDocument, frozen=True, kw_only=True):
    """One model. `certificates` is empty until there are any."""

    name: str
    owner: str
    stage: str
    version: str
    release: str
    family: str
    size: str
    via: str
    zone: str
    jurisdiction: str | None
    licence: str | None
    tenants: tuple[str, ...]
    capabilities: tuple[str, ...]
    specialist_of: str | None
    last_act: ActivatedDocument | None
    evaluations: tuple[MeasuredDocument, ...]
    certificates: tuple[str, ...]
    last_used_at: float | None


class WorkflowEntryDocument(OpDocument, frozen=True, kw_only=True):
    """One workflow."""

    name: str
    owner: str
    stage: str
    version: str
    release: str
    impact: str
    data_class: str | None
    highest_class: str
    tags: tuple[str, ...]
    purposes: tuple[str, ...]
    zones: tuple[str, ...]
    jurisdictions: tuple[str, ...]
    tenants: tuple[str, ...]
    models: tuple[str, ...]
    reviewers: tuple[str, ...]
    quality_bar: float | None
    last_act: ActivatedDocument | None
    evaluations: tuple[MeasuredDocument, ...]
    certificates: tuple[str, ...]
    last_used_at: float | None


class PolicyEntryDocument(OpDocument, frozen=True, kw_only=True):
    """One file of rules, or one packaged set; all of them together have `policy_version`."""

    name: str
    packaged: bool
    rules: tuple[str, ...]


class CollectionEntryDocument(OpDocument, frozen=True, kw_only=True):
    """One collection of documents.

    Attributes:
        version: grows with every run that changed something.
        embedder: the model, with its version, that its vectors are of.
    """

    name: str
    owner: str
    data_class: str
    tags: tuple[str, ...]
    version: int
    embedder: str
    documents: int
    passages: int
    created_at: float


class KeysDocument(OpDocument, frozen=True, kw_only=True):
    """How many API keys there are, and how many of them are good now."""

    all: int
    active: int


class InventoryDocument(OpDocument, frozen=True, kw_only=True):
    """What `befit inventory --json` prints, of the principal's tenant. Times are Unix seconds."""

    at: float
    tenant: str
    activation: str
    catalog_version: str
    policy_version: str
    models: tuple[ModelEntryDocument, ...]
    workflows: tuple[WorkflowEntryDocument, ...]
    policies: tuple[PolicyEntryDocument, ...]
    collections: tuple[CollectionEntryDocument, ...]
    keys: KeysDocument


async def take_inventory(
    platform: Platform, principal: Principal, params: NoParams
) -> InventoryDocument:
    """Everything that is configured, with owner, stage, version and what stands behind it.

    Raises:
        Forbidden: the principal may not audit.
    """
    del params
    require(platform, principal, Action.AUDIT, "take an inventory")
    now = time.time()
    catalog = platform.catalog.current.of(principal.tenant)
    await platform.projector.caught_up()
    keys = await platform.stores.keys.list(principal.tenant)
    about = _About(
        platform=platform,
        principal=principal,
        evaluations=await _evaluations(platform, principal.tenant, catalog),
        used=await platform.stores.usage.last_use(principal.tenant),
    )
    return InventoryDocument(
        at=now,
        tenant=principal.tenant,
        activation=platform.settings.activation,
        catalog_version=catalog.version,
        policy_version=platform.policy.hash,
        models=tuple(_model(about, card) for _, card in sorted(catalog.cards.items())),
        workflows=tuple(
            _workflow(about, workflow) for _, workflow in sorted(catalog.workflows.items())
        ),
        policies=tuple(_policies(platform)),
        collections=await _collections(platform, principal.tenant),
        keys=KeysDocument(all=len(keys), active=sum(key.fault(now) is None for key in keys)),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _About:
    """What is known beside the files, and who asks."""

    platform: Platform
    principal: Principal
    evaluations: tuple[MeasuredDocument, ...]
    used: LastUse


async def _evaluations(
    platform: Platform, tenant: str, catalog: Catalog
) -> tuple[MeasuredDocument, ...]:
    """The newest of each workflow and model, ordered by both names."""
    newest: dict[tuple[str, str], Evaluation] = {}
    for name in sorted(catalog.workflows):
        for row in await platform.stores.evaluations.latest(tenant, name):
            held = newest.get((name, row.model))
            if row.model in catalog.cards and (held is None or held.at <= row.at):
                newest[name, row.model] = row
    return tuple(_measured(row, catalog) for _, row in sorted(newest.items()))


def _measured(row: Evaluation, catalog: Catalog) -> MeasuredDocument:
    versions = (catalog.workflows[row.workflow].version, card_version(catalog.cards[row.model]))
    return MeasuredDocument(
        workflow=row.workflow,
        model=row.model,
        workflow_version=row.workflow_version,
        model_version=row.model_version,
        is_current=versions == (row.workflow_version, row.model_version),
        n=row.n,
        score=row.score,
        interval=(row.lo, row.hi),
        metric=row.metric,
        p95_ms=row.p95_ms,
        cases_sha256=row.cases_sha256,
        at=row.at,
    )


def _model(about: _About, card: ModelCard) -> ModelEntryDocument:
    return ModelEntryDocument(
        name=card.name,
        owner=card.owner,
        stage=card.stage,
        version=card_version(card),
        release=release_of(card),
        family=card.family,
        size=card.size,
        via=card.via,
        zone=card.zone,
        jurisdiction=card.jurisdiction,
        licence=card.licence,
        tenants=shown_tenants(about.principal, card),
        capabilities=tuple(sorted(card.capabilities)),
        specialist_of=card.specialist.workflow if card.specialist else None,
        last_act=last_act(about.platform, about.principal, card),
        evaluations=tuple(row for row in about.evaluations if row.model == card.name),
        certificates=(),
        last_used_at=about.used.models.get(card.name),
    )


def _workflow(about: _About, workflow: Workflow) -> WorkflowEntryDocument:
    wants, data_class = workflow.requirements, workflow.data_class
    return WorkflowEntryDocument(
        name=workflow.name,
        owner=workflow.owner,
        stage=workflow.stage,
        version=workflow.version,
        release=release_of(workflow),
        impact=workflow.impact,
        data_class=None if data_class is None else data_class.word,
        highest_class=wants.highest_class.word,
        tags=tuple(sorted(workflow.tags)),
        purposes=tuple(sorted(workflow.purposes)),
        zones=tuple(sorted(wants.zones)),
        jurisdictions=tuple(sorted(wants.jurisdictions)),
        tenants=shown_tenants(about.principal, workflow),
        models=workflow.models,
        reviewers=workflow.reviewers,
        quality_bar=wants.quality_bar,
        last_act=last_act(about.platform, about.principal, workflow),
        evaluations=tuple(row for row in about.evaluations if row.workflow == workflow.name),
        certificates=(),
        last_used_at=about.used.workflows.get(workflow.name),
    )


async def _collections(platform: Platform, tenant: str) -> tuple[CollectionEntryDocument, ...]:
    stores = platform.stores.knowledge
    counts = await stores.documents.counts(tenant)
    found: list[CollectionEntryDocument] = []
    for each in await stores.collections.list(tenant):
        documents, passages = counts.get(each.name, (0, 0))
        found.append(
            CollectionEntryDocument(
                name=each.name,
                owner=each.owner,
                data_class=each.data_class.word,
                tags=tuple(sorted(each.tags)),
                version=each.version,
                embedder=each.embedder,
                documents=documents,
                passages=passages,
                created_at=each.created_at,
            )
        )
    return tuple(found)


def _policies(platform: Platform) -> Iterable[PolicyEntryDocument]:
    by_file: dict[str, list[str]] = {}
    for rule in platform.policy.rules.rules:
        by_file.setdefault(rule.file, []).append(rule.id)
    for file, ids in sorted(by_file.items()):
        yield PolicyEntryDocument(
            name=file.removeprefix(_PACKAGED),
            packaged=file.startswith(_PACKAGED),
            rules=tuple(sorted(ids)),
        )


OPERATIONS = (operation("inventory", NoParams, take_inventory),)
