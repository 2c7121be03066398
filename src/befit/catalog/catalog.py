"""`Catalog`: what a workspace offers at one moment, never changed once made.

catalog.find_card("smollm2-135m").zone
catalog.find_workflow("triage").version     # sha256:<hex> of its content
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from decimal import Decimal
from types import MappingProxyType

from befit.catalog.card import ModelCard
from befit.catalog.workflow import Workflow
from befit.errors import NotFound, nearest


@dataclass(frozen=True, kw_only=True, slots=True)
class Catalog:
    """One snapshot of the cards and workflows of a workspace.

    Attributes:
        contents: for each workflow the text that its version is the hash of; it is kept
            for each version (`WorkflowVersionStore`) and loads as a workflow file.
        version: `sha256:<hex>` over every card and workflow; changes when one does.
    """

    cards: Mapping[str, ModelCard]
    workflows: Mapping[str, Workflow]
    contents: Mapping[str, str]
    version: str
    _views: dict[str, Catalog] = field(
        default_factory=dict[str, "Catalog"], init=False, repr=False, compare=False
    )

    def of(self, tenant: str) -> Catalog:
        """What a tenant sees: what names it, and what names no tenant.

        Made once a tenant; its version differs from another tenant's where the content does.
        """
        view = self._views.get(tenant)
        if view is None:
            view = self._views[tenant] = self._seen_by(tenant)
        return view

    def find_card(self, name: str) -> ModelCard:
        """The card of that name.

        Raises:
            NotFound: naming the nearest one.
        """
        card = self.cards.get(name)
        if card is None:
            raise NotFound(f"no model {name!r}", next_step=_hint(name, self.cards, "models list"))
        return card

    def find_workflow(self, name: str) -> Workflow:
        """The workflow of that name.

        Raises:
            NotFound: naming the nearest one.
        """
        workflow = self.workflows.get(name)
        if workflow is None:
            hint = _hint(name, self.workflows, "check")
            raise NotFound(f"no workflow {name!r}", next_step=hint, param="workflow")
        return workflow

    def _seen_by(self, tenant: str) -> Catalog:
        cards = {name: card for name, card in self.cards.items() if _is_for(card, tenant)}
        flows = {name: flow for name, flow in self.workflows.items() if _is_for(flow, tenant)}
        if len(cards) == len(self.cards) and len(flows) == len(self.workflows):
            return self
        return Catalog(
            cards=MappingProxyType(cards),
            workflows=MappingProxyType(flows),
            contents=MappingProxyType({name: self.contents[name] for name in flows}),
            version=catalog_version(cards, flows),
        )


def _is_for(item: ModelCard | Workflow, tenant: str) -> bool:
    return not item.tenants or tenant in item.tenants


def card_version(card: ModelCard) -> str:
    """`sha256:<hex>` of what decides how a model answers; evidence hangs on it.

    Protocol, address, upstream name, weights and specialist count; price, zone, limits
    and lifecycle stage may change without making a measured score untrue.
    """
    return sha256_of(
        {
            "via": card.via,
            "url": card.url,
            "upstream_model": card.upstream_model,
            "weights": card.weights,
            "specialist": asdict(card.specialist) if card.specialist else None,
        }
    )


def catalog_version(cards: Mapping[str, ModelCard], workflows: Mapping[str, Workflow]) -> str:
    """`sha256:<hex>` over all of every card, and over every workflow's version and standing."""
    return sha256_of(
        {
            "cards": {name: asdict(card) for name, card in cards.items()},
            "workflows": {name: _standing(workflow) for name, workflow in workflows.items()},
        }
    )


def _standing(workflow: Workflow) -> tuple[object, ...]:
    # What a workflow's version leaves out, so that each change of a file makes a new catalog.
    return workflow.version, workflow.stage, workflow.tenants, workflow.awaits_activation


def sha256_of(value: object) -> str:
    """`sha256:<hex>` of a value's JSON with sorted keys."""
    text = json.dumps(value, sort_keys=True, default=_plain, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _plain(value: object) -> object:
    if isinstance(value, frozenset):
        return sorted(str(item) for item in value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]  # cards hold sets of words
    if isinstance(value, Decimal | date):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no canonical form")


def _hint(name: str, known: Mapping[str, object], command: str) -> str:
    return nearest(name, known) or f"`befit {command}` lists them"
