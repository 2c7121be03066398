"""The operation `models.list`: the cards, what stands behind them, and how they fare."""

from __future__ import annotations

from decimal import Decimal

from befit.catalog import ModelCard, card_version, release_of, stage_fault
from befit.gateway.operations.catalog.activation import (
    ActivatedDocument,
    evidence_by_workflow,
    last_act,
    shown_tenants,
)
from befit.gateway.operations.catalog.workflows import usable_workflows
from befit.gateway.operations.entitled import may
from befit.gateway.operations.operation import NoParams, OpDocument, operation
from befit.identity import Principal
from befit.inference import Breaker
from befit.platform import Platform
from befit.policy import Action

_WORDS = {Breaker.CLOSED: "healthy", Breaker.OPEN: "ill", Breaker.HALF_OPEN: "half-open"}


class ModelDocument(OpDocument, frozen=True, kw_only=True):
    """One card.

    Attributes:
        stage_reason: why it does not serve; null where it does.
        version: the hash that evaluations hang on.
        release: the hash of everything its file says but its stage; what is activated.
        last_act: who activated or retired it; null where nothing was recorded.
        evidence: what stands behind it for each workflow it may serve.
        health: `healthy`, `ill` (left alone for a while), or `half-open` (on trial).
        last_error: the code of the newest failure since it last answered; for
            administrators. What the upstream said stands in that request's own account.
        last_error_s_ago: how long ago that was.
    """

    name: str
    family: str
    size: str
    via: str
    zone: str
    jurisdiction: str | None
    owner: str
    tenants: tuple[str, ...]
    stage: str
    stage_reason: str | None
    awaits_activation: bool
    version: str
    release: str
    last_act: ActivatedDocument | None
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
    last_error_s_ago: float | None


class ModelList(OpDocument, frozen=True, kw_only=True):
    """The workspace's cards, by name."""

    models: tuple[ModelDocument, ...]


async def list_models(platform: Platform, principal: Principal, params: NoParams) -> ModelList:
    """Every card. Addresses are shown to administrators only."""
    del params
    catalog = platform.catalog.current.of(principal.tenant)
    workflows = usable_workflows(platform, principal)
    book = platform.shelf.evidence_of(principal.tenant)
    cards = sorted(catalog.cards.values(), key=lambda card: card.name)
    return ModelList(
        models=tuple(
            _document(platform, principal, card, evidence_by_workflow(book, card, workflows))
            for card in cards
        )
    )


def _document(
    platform: Platform, principal: Principal, card: ModelCard, evidence: dict[str, str]
) -> ModelDocument:
    is_admin = may(platform, principal, Action.ADMINISTER)
    health = platform.caller.health(card.name)
    return ModelDocument(
        name=card.name,
        family=card.family,
        size=card.size,
        via=card.via,
        zone=card.zone,
        jurisdiction=card.jurisdiction,
        owner=card.owner,
        tenants=shown_tenants(principal, card),
        stage=card.stage,
        stage_reason=stage_fault(card),
        awaits_activation=card.awaits_activation,
        version=card_version(card),
        release=release_of(card),
        last_act=last_act(platform, principal, card),
        url=card.url if is_admin else None,
        upstream_model=card.upstream_model,
        context_window=card.context_window,
        parameters_billion=card.parameters_billion,
        capabilities=tuple(sorted(card.capabilities)),
        able=tuple(sorted(card.able)),
        licence=card.licence,
        specialist_of=card.specialist.workflow if card.specialist else None,
        evidence=evidence,
        health=_WORDS[health.breaker],
        last_error=health.last_error if is_admin else None,
        last_error_s_ago=health.last_error_s_ago if is_admin else None,
    )


OPERATIONS = (operation("models.list", NoParams, list_models),)
