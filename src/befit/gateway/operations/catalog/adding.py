"""Operations `models.propose` and `models.add`: from an address to a card, after one probe."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal

import msgspec

from befit.catalog import ModelCard, Price, Stage, Workspace, WorkspaceEdit
from befit.errors import BefitError, Conflict, ModelFailure, NotFound, nearest
from befit.gateway.failure import ErrorObject, error_object
from befit.gateway.operations.administration import record_administrative
from befit.gateway.operations.catalog.activation import may_activate, record_act, take_up
from befit.gateway.operations.catalog.card_proposal import CardProposal, CardRequest, propose_card
from befit.gateway.operations.entitled import require
from befit.gateway.operations.operation import OpDocument, operation
from befit.identity import Principal
from befit.inference import PROBE_OUTPUT_TOKENS, PROBE_TEXT, ProbeResult
from befit.messages import BefitOptions, ChatRequest
from befit.orchestrator import BulkArrival, BulkCase, Kind
from befit.platform import Platform
from befit.policy import Action
from befit.vocabulary import DEFAULT_TENANT, DataClass, Purpose

_SHOWN_NAMES = 12


class NewCard(CardRequest, frozen=True, kw_only=True):
    """A model to be added. `keep_unanswered` writes the card although its probe failed."""

    keep_unanswered: bool = False


class PriceDocument(OpDocument, frozen=True, kw_only=True):
    """A price in USD per million tokens, and where and when it was found."""

    input_usd_per_million: Decimal
    output_usd_per_million: Decimal
    source: str
    as_of: str


class ProposalDocument(OpDocument, frozen=True, kw_only=True):
    """A card as it would be written, and what nobody has said of it.

    Attributes:
        offered: what its server lists, where it was asked.
    """

    name: str
    model: str
    via: str
    url: str | None
    zone: str
    size: str
    context_window: int | None
    capabilities: tuple[str, ...]
    price: PriceDocument | None
    reference: str | None
    unknown: tuple[str, ...]
    notes: tuple[str, ...]
    offered: tuple[str, ...]
    undeclared_class: str


class ProbeDocument(OpDocument, frozen=True, kw_only=True):
    """What one small call showed; `error` where it failed."""

    ok: bool
    decision_id: str
    answered_as: str | None = None
    latency_ms: float | None = None
    first_token_ms: float | None = None
    tokens_per_s: float | None = None
    text: str | None = None
    dimensions: int | None = None
    error: ErrorObject | None = None


class AddedDocument(OpDocument, frozen=True, kw_only=True):
    """What `models add --json` prints.

    Attributes:
        stage: `approved`, or `proposed` where who adds may not activate.
    """

    card: ProposalDocument
    probe: ProbeDocument
    file: str
    in_force: bool
    stage: str


async def propose_model(
    platform: Platform, principal: Principal, params: CardRequest
) -> ProposalDocument:
    """What would be written for a model; its server is asked for its list where no model is named.

    Raises:
        Conflict: there is a card of that name.
        NotFound: the server's list does not tell which model is meant.
        ModelFailure: the server cannot be asked.
    """
    require(platform, principal, Action.ADMINISTER, "add models")
    request, offered = await _named(platform, params)
    return _document(platform, propose_card(request), offered)


async def add_model(platform: Platform, principal: Principal, params: NewCard) -> AddedDocument:
    """Probe a model once, then write its card and take it up.

    It serves at once where who adds it may activate models too; else it is proposed.

    Raises:
        Conflict, NotFound: as `models.propose`.
        InvalidRequest: the card cannot be.
        ModelFailure: the probe failed; nothing is written.
    """
    require(platform, principal, Action.ADMINISTER, "add models")
    request, offered = await _named(platform, params)
    proposal = propose_card(request)
    placed = _placed(platform, principal, proposal.card)
    edit, added = await asyncio.to_thread(_edited, platform.workspace, placed)
    probed = await _probe(platform, principal, proposal.card, keep=params.keep_unanswered)
    # Recorded before it serves: a model that nothing approved must not.
    if added.stage is Stage.APPROVED:
        await record_act(platform, principal, added, Stage.APPROVED, told={"probe": probed})
    else:
        await record_administrative(
            platform,
            principal,
            action="proposed",
            subject=f"model:{added.name}",
            told={"probe": probed},
        )
    async with platform.editing:
        files = await asyncio.to_thread(edit.commit)
    await take_up(platform)
    return AddedDocument(
        card=_document(platform, proposal, offered),
        probe=probed,
        file=str(files[0].relative_to(platform.workspace.root)),
        in_force=added.name in platform.catalog.current.cards,
        stage=added.stage,
    )


def _placed(platform: Platform, principal: Principal, card: ModelCard) -> ModelCard:
    """The card as it is written: another tenant's people add models to that tenant alone."""
    if principal.tenant != DEFAULT_TENANT:
        card = replace(card, tenants=frozenset({principal.tenant}))
    approved = may_activate(platform, principal, card)
    return card if approved else replace(card, stage=Stage.PROPOSED)


def _edited(workspace: Workspace, card: ModelCard) -> tuple[WorkspaceEdit, ModelCard]:
    """The edit that adds a card, and the card as its file would declare it. Blocking."""
    edit = WorkspaceEdit(workspace)
    edit.put_card(card)
    return edit, edit.preview().find_card(card.name)


async def _named(platform: Platform, params: CardRequest) -> tuple[CardRequest, tuple[str, ...]]:
    """The request with its model named, and what the server offers where it was asked."""
    if params.name in platform.catalog.current.cards:
        raise Conflict(
            f"there is a model {params.name!r} already",
            next_step="take another name, or change it in befit.yaml",
        )
    if params.model is not None or params.via == "embedded":
        return params, ()
    card = propose_card(params).card
    offered = await platform.caller.list_models(card)
    return msgspec.structs.replace(params, model=_chosen(params.name, offered)), offered


def _chosen(name: str, offered: tuple[str, ...]) -> str:
    if name in offered or not offered:
        return name
    if len(offered) == 1:
        return offered[0]
    shown = ", ".join(offered[:_SHOWN_NAMES]) + (", .." if len(offered) > _SHOWN_NAMES else "")
    hint = nearest(name, offered)
    raise NotFound(
        f"its server offers {len(offered)} models and none is called {name!r}: {shown}",
        next_step=f"name one with --model{'; ' + hint if hint else ''}",
    )


async def _probe(
    platform: Platform, principal: Principal, card: ModelCard, *, keep: bool
) -> ProbeDocument:
    request = replace(
        ChatRequest.from_text(PROBE_TEXT, model=card.name), max_output_tokens=PROBE_OUTPUT_TOKENS
    )
    case = BulkCase(id="probe", request=request)
    arrival = BulkArrival(
        principal=principal,
        kind=Kind.PROBE,
        workflow=None,
        content=bytes(request.fields["messages"]),
        # The probe says nothing of anybody's.
        befit=BefitOptions(data_class=DataClass.PUBLIC),
    )
    try:
        async with await platform.orchestrator.bulk(arrival) as bulk:
            await bulk.permit(card, (case,), Purpose.PROBE)
            result = await bulk.probe(case, card)
    except ModelFailure as error:
        if not keep:
            raise await _explained(platform, card, error) from None
        return ProbeDocument(
            ok=False, decision_id=error.decision_id or "", error=error_object(error)
        )
    return _probed(result, bulk.decision_id)


async def _explained(platform: Platform, card: ModelCard, error: BefitError) -> BefitError:
    """The failure with what helps: the nearest name on the server, or how to keep the card."""
    keep = "repeat with --yes to write the card all the same"
    error.next_step = f"{error.next_step}; {keep}" if error.next_step else keep
    try:
        offered = await platform.caller.list_models(card)
    except ModelFailure:
        return error
    hint = None if card.upstream_model in offered else nearest(card.upstream_model, offered)
    if hint:
        error.next_step = f"its server does not list {card.upstream_model!r}; {hint}"
    return error


def _probed(result: ProbeResult, decision_id: str) -> ProbeDocument:
    return ProbeDocument(
        ok=True,
        decision_id=decision_id,
        answered_as=result.answered_as,
        latency_ms=round(result.latency_ms, 3),
        first_token_ms=_rounded(result.first_token_ms),
        tokens_per_s=_rounded(result.tokens_per_s),
        text=result.text or None,
        dimensions=result.dimensions,
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _document(
    platform: Platform, proposal: CardProposal, offered: tuple[str, ...]
) -> ProposalDocument:
    card, reference = proposal.card, proposal.reference
    return ProposalDocument(
        name=card.name,
        model=card.upstream_model or card.weights or card.name,
        via=card.via,
        url=card.url,
        zone=card.zone,
        size=card.size,
        context_window=card.context_window,
        capabilities=tuple(sorted(card.capabilities)),
        price=_price_document(card.cost) if isinstance(card.cost, Price) else None,
        reference=f"{reference.source} ({reference.as_of})" if reference else None,
        unknown=proposal.unknown,
        notes=proposal.notes,
        offered=offered,
        undeclared_class=platform.settings.undeclared_class.word,
    )


def _price_document(price: Price) -> PriceDocument:
    return PriceDocument(
        input_usd_per_million=price.input_usd_per_million,
        output_usd_per_million=price.output_usd_per_million,
        source=price.source,
        as_of=price.as_of.isoformat(),
    )


OPERATIONS = (
    operation("models.propose", CardRequest, propose_model),
    operation("models.add", NewCard, add_model),
)
