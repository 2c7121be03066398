"""`Catalog`: what a workspace offers at one moment, never changed once made.

catalog.find_card("smollm2-135m").zone
catalog.find_workflow("triage").version     # sha256:<hex> of its content
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal

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
            raise NotFound(f"no workflow {name!r}", next_step=_hint(name, self.workflows, "check"))
        return workflow


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
    """`sha256:<hex>` over all of every card and the version of every workflow."""
    return sha256_of(
        {
            "cards": {name: asdict(card) for name, card in cards.items()},
            "workflows": {name: workflow.version for name, workflow in workflows.items()},
        }
    )


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
