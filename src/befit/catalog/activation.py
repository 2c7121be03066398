"""The gate before serving: what an entitled person activated, and exactly that, is approved.

    catalog = gated(declared, ActivationRule.RECORDED, ActivationBook(rows))
    catalog.find_card("big").awaits_activation     # True once its file has been edited

A *release* is everything that a file says of a model or a workflow, but for its stage: the
thing that somebody activates. It is wider than the version that evaluations hang on, since
who may read a model's answers and where it runs matter to whoever lets it serve.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Protocol, TypeVar

from pydantic import ValidationError

from befit.catalog.card import ModelCard
from befit.catalog.catalog import Catalog, catalog_version, sha256_of
from befit.catalog.model_entry import ModelEntry, entry_of_card
from befit.catalog.stage import Stage
from befit.catalog.workflow import Workflow
from befit.catalog.workflow_file import entry_of_workflow
from befit.errors import Conflict
from befit.vocabulary import DEFAULT_TENANT

_Item = TypeVar("_Item", ModelCard, Workflow)


class ActivationRule(StrEnum):
    """Whose word makes a model or a workflow `approved`; a setting of the workspace."""

    DECLARED = "declared"  # the file's
    RECORDED = "recorded"  # the file's, once somebody entitled has activated what it says


class ItemKind(StrEnum):
    """What can be activated."""

    MODEL = "model"
    WORKFLOW = "workflow"


@dataclass(frozen=True, kw_only=True, slots=True)
class Activation:
    """One act of somebody entitled: a release was approved, or a name retired.

    Attributes:
        tenant: in which the act was done.
        release: what was activated, or stood in the file when it was retired.
        stage: what it became, `approved` or `retired`.
        content: what the file said of it, as JSON, so that it can be brought back.
        by: the principal's id.
        event: the id of the ledger's event, which was durable first.
        at: Unix seconds.
    """

    tenant: str
    kind: ItemKind
    name: str
    release: str
    stage: Stage
    content: str
    by: str
    event: str
    at: float


class ActivationStore(Protocol):
    """Keeps every activation and retirement in the order in which they were done."""

    async def add(self, activation: Activation) -> None:
        """Add one; earlier ones stay."""
        ...

    async def history(self, kind: ItemKind, name: str) -> tuple[Activation, ...]:
        """All acts on one name in any tenant, newest first."""
        ...

    async def newest(self) -> tuple[Activation, ...]:
        """The newest act of each tenant on each name, oldest first."""
        ...


class ActivationBook:
    """What is activated now: of each name the newest act decides, older ones are history."""

    def __init__(self, activations: Iterable[Activation] = ()) -> None:
        """Args: activations: oldest first, as `ActivationStore.newest` gives them."""
        acts: dict[tuple[ItemKind, str], dict[str, Activation]] = {}
        for act in activations:
            by_tenant = acts.setdefault((act.kind, act.name), {})
            by_tenant.pop(act.tenant, None)  # a later act moves to the end
            by_tenant[act.tenant] = act
        self._acts = acts

    def newest(self, item: ModelCard | Workflow) -> Activation | None:
        """The newest act on the item by whom it is up to, whatever it was about."""
        by_tenant = self._acts.get((kind_of(item), item.name), {})
        entitled = tenants_in_charge(item)
        return next(
            (act for tenant, act in reversed(by_tenant.items()) if tenant in entitled), None
        )

    def is_activated(self, item: ModelCard | Workflow) -> bool:
        """Whether exactly what the item says now was activated, and not retired since."""
        act = self.newest(item)
        return act is not None and act.stage is Stage.APPROVED and act.release == release_of(item)


def kind_of(item: ModelCard | Workflow) -> ItemKind:
    """Whether it is a model or a workflow."""
    return ItemKind.MODEL if isinstance(item, ModelCard) else ItemKind.WORKFLOW


def tenants_in_charge(item: ModelCard | Workflow) -> frozenset[str]:
    """The tenants whose people may activate an item: its own, else who keeps the workspace."""
    return item.tenants or frozenset({DEFAULT_TENANT})


def release_of(item: ModelCard | Workflow) -> str:
    """`sha256:<hex>` of everything that its file says, but for its stage.

    Defaults count as unsaid, so that a new key of a later Befit demotes nothing.
    """
    if isinstance(item, Workflow):
        return sha256_of({"version": item.version, "tenants": item.tenants})
    return sha256_of({key: said for key, said in entry_of_card(item).items() if key != "stage"})


def content_of(item: ModelCard | Workflow) -> str:
    """What a release says, as JSON; `card_of` reads it back."""
    entry = entry_of_workflow(item) if isinstance(item, Workflow) else entry_of_card(item)
    return json.dumps({key: said for key, said in entry.items() if key != "stage"}, sort_keys=True)


def card_of(activation: Activation) -> ModelCard:
    """The approved card that a release was.

    Raises:
        Conflict: this Befit does not read what an older one kept.
    """
    try:
        return ModelEntry.model_validate_json(activation.content).card(activation.name)
    except ValidationError as error:
        raise Conflict(
            f"release {short_digest(activation.release)} of model {activation.name} cannot be "
            f"read any more: {error.error_count()} key(s) are not known",
            next_step="write the card in befit.yaml yourself",
        ) from None


def gated(catalog: Catalog, rule: ActivationRule, book: ActivationBook) -> Catalog:
    """The catalog as it may serve: what is approved without an activation is proposed."""
    if rule is ActivationRule.DECLARED:
        return catalog
    cards = {name: _gated(card, book) for name, card in catalog.cards.items()}
    workflows = {name: _gated(workflow, book) for name, workflow in catalog.workflows.items()}
    return replace(
        catalog,
        cards=MappingProxyType(cards),
        workflows=MappingProxyType(workflows),
        version=catalog_version(cards, workflows),
    )


def _gated(item: _Item, book: ActivationBook) -> _Item:
    if item.stage is not Stage.APPROVED or book.is_activated(item):
        return item
    return replace(item, stage=Stage.PROPOSED, awaits_activation=True)


def stage_fault(item: ModelCard | Workflow) -> str | None:
    """Why an item does not serve, in one sentence with what to do; None where it does."""
    if item.stage is Stage.APPROVED:
        return None
    return f"{kind_of(item)} {item.name} is {stage_in_words(item)}, not approved"


def stage_in_words(item: ModelCard | Workflow) -> str:
    """The stage; with what is missing and the command that ends it, where that is known."""
    if not item.awaits_activation:
        return item.stage
    command = "models promote" if kind_of(item) is ItemKind.MODEL else "workflows activate"
    release = short_digest(release_of(item))
    return f"{item.stage} (release {release} is not activated; befit {command} {item.name})"


def short_digest(digest: str) -> str:
    """The beginning of a `sha256:<hex>`, enough to tell two apart."""
    return digest[: len("sha256:") + 12]
