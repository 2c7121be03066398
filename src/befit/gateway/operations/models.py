"""The operation `models.list`: the cards, what stands behind them, and how they fare."""

from __future__ import annotations

from decimal import Decimal

from befit.catalog import ModelCard, Workflow
from befit.gateway.operations.operation import NoParams, OpDocument
from befit.identity import Principal
from befit.platform import Platform


class ModelDocument(OpDocument, frozen=True, kw_only=True):
    """One card. `evidence` names what stands behind it for each workflow it may serve."""

    name: str
    family: str
    size: str
    via: str
    zone: str
    jurisdiction: str | None
    stage: str
    url: str | None
    upstream_model: str
    context_window: int | None
    parameters_billion: Decimal | None
    capabilities: tuple[str, ...]
    able: tuple[str, ...]
    licence: str | None
    specialist_of: str | None
    evidence: dict[str, str]
    health: str
    last_error: str | None


class ModelList(OpDocument, frozen=True, kw_only=True):
    """The workspace's cards, by name."""

    models: tuple[ModelDocument, ...]


async def list_models(platform: Platform, principal: Principal, params: NoParams) -> ModelList:
    """Every card. Addresses are shown to administrators only."""
    del params
    catalog = platform.catalog.current
    workflows = tuple(catalog.workflows.values())
    cards = sorted(catalog.cards.values(), key=lambda card: card.name)
    return ModelList(
        models=tuple(_document(platform, card, workflows, principal) for card in cards)
    )


def _document(
    platform: Platform, card: ModelCard, workflows: tuple[Workflow, ...], principal: Principal
) -> ModelDocument:
    health = platform.caller.health(card.name)
    return ModelDocument(
        name=card.name,
        family=card.family,
        size=card.size,
        via=card.via,
        zone=card.zone,
        jurisdiction=card.jurisdiction,
        stage=card.stage,
        url=card.url if principal.is_admin else None,
        upstream_model=card.upstream_model,
        context_window=card.context_window,
        parameters_billion=card.parameters_billion,
        capabilities=tuple(sorted(card.capabilities)),
        able=tuple(sorted(card.able)),
        licence=card.licence,
        specialist_of=card.specialist.workflow if card.specialist else None,
        evidence=evidence_by_workflow(platform, card, workflows),
        health=health.breaker if health.last_error else "ok",
        last_error=health.last_error if principal.is_admin else None,
    )


def evidence_by_workflow(
    platform: Platform, card: ModelCard, workflows: tuple[Workflow, ...]
) -> dict[str, str]:
    """What stands behind a card for each workflow that it may serve."""
    book = platform.shelf.evidence
    return {
        workflow.name: book.evidence(card, workflow)
        for workflow in workflows
        if not workflow.model_order or card.name in workflow.model_order
    }
