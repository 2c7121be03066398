"""`CardRequest`: a model as somebody asks for it to be added, and the card proposed for it.

    proposal = propose_card(CardRequest(name="local", via="ollama", model="qwen2.5:7b"))
    proposal.card.context_window, proposal.unknown

What is not said is filled from the reference cards, which are dated and carry their
source; what nobody knows stays unknown. Nothing is contacted and nothing is written.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal
from urllib.parse import urlsplit

from befit.catalog import (
    SPOKEN,
    Capability,
    ModelCard,
    Price,
    ReferenceCard,
    Via,
    is_loopback,
    reference_for,
)
from befit.errors import InvalidRequest
from befit.gateway.operations.operation import OpParams
from befit.vocabulary import SizeClass, Zone

_BILLIONS = re.compile(r"(?<![a-z0-9.])(\d{1,3}(?:\.\d{1,2})?)b(?![a-z0-9])")
_LARGE_FROM_BILLIONS = 40

# Servers that constrain any model's output to a JSON schema.
_CONSTRAINING = frozenset({Via.OLLAMA, Via.VLLM, Via.LLAMACPP, Via.LMSTUDIO, Via.EMBEDDED})

# A reference card's price is the vendor's own; other sellers ask what they like.
_VENDORS = {
    "gpt": "api.openai.com",
    "claude": "api.anthropic.com",
    "mistral": "api.mistral.ai",
    "gemini": "generativelanguage.googleapis.com",
    "deepseek": "api.deepseek.com",
}


class CardRequest(OpParams, frozen=True, kw_only=True):
    """A model to be added. Prices are USD per million tokens; `key` is a reference.

    `model` is what its server calls it (weights, for `embedded`); without it the server's
    list decides.
    """

    name: str
    via: Literal["ollama", "vllm", "llamacpp", "lmstudio", "openai", "embedded"]
    url: str | None = None
    model: str | None = None
    zone: Literal["device", "onprem", "private_cloud", "external"] | None = None
    jurisdiction: str | None = None
    able: tuple[str, ...] = ()
    key: str | None = None
    size: Literal["small", "large"] | None = None
    context_window: int | None = None
    price_in: Decimal | None = None
    price_out: Decimal | None = None

    @property
    def declared_zone(self) -> Zone:
        """The zone as declared, else the safest that can be true of the address."""
        if self.zone is not None:
            return Zone(self.zone)
        local = is_loopback(self.url) if self.url else self.via != Via.OPENAI
        return Zone.DEVICE if local else Zone.EXTERNAL


@dataclass(frozen=True, kw_only=True, slots=True)
class CardProposal:
    """A card as it would be written.

    Attributes:
        reference: where its known values come from; None where nothing is known of it.
        unknown: what nobody has said, as words of `befit.yaml`.
        notes: what was assumed, one sentence each.
    """

    card: ModelCard
    reference: ReferenceCard | None
    unknown: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())


def propose_card(request: CardRequest) -> CardProposal:
    """The card for a request.

    Raises:
        InvalidRequest: one price without the other, or an embedded model with an address.
    """
    via = Via(request.via)
    upstream = request.model or request.name
    reference = reference_for(upstream)
    zone = request.declared_zone
    notes: list[str] = []
    billions = _billions(upstream, reference)
    price = _price(request, zone, reference)
    window = request.context_window or (reference.context_window if reference else None)
    if window and not request.context_window and zone is not Zone.EXTERNAL:
        notes.append(f"a context of {window} tokens is what the model can have; compare its server")
    if via is Via.EMBEDDED and (request.url or request.key):
        raise InvalidRequest("an embedded model has no url and no key", param="via")
    card = ModelCard(
        name=request.name,
        family=reference.family if reference else request.name,
        size=_size(request, reference, billions, zone, notes),
        via=via,
        zone=zone,
        url=request.url,
        upstream_model="" if via is Via.EMBEDDED else upstream,
        key_ref=request.key,
        jurisdiction=request.jurisdiction.upper() if request.jurisdiction else None,
        context_window=window,
        max_output_tokens=reference.max_output_tokens if reference else None,
        parameters_billion=billions,
        cost=price,
        capabilities=_capabilities(via, upstream, reference),
        able=frozenset(request.able),
        licence=reference.licence if reference else None,
        languages=reference.languages if reference else frozenset(),
        weights=upstream if via is Via.EMBEDDED else None,
    )
    unknown = [
        word
        for word, is_known in (
            ("price", price is not None or via is Via.EMBEDDED),
            ("context_window", window is not None),
            ("jurisdiction", card.jurisdiction is not None or zone is Zone.DEVICE),
        )
        if not is_known
    ]
    return CardProposal(card=card, reference=reference, unknown=tuple(unknown), notes=tuple(notes))


def _price(request: CardRequest, zone: Zone, reference: ReferenceCard | None) -> Price | None:
    given = (request.price_in, request.price_out)
    if request.price_in is not None and request.price_out is not None:
        return Price(
            input_usd_per_million=request.price_in,
            output_usd_per_million=request.price_out,
            source="given to befit models add",
            as_of=datetime.now(UTC).date(),
        )
    if given != (None, None):
        raise InvalidRequest(
            "a price needs both directions",
            next_step="give --price-in and --price-out",
            param="price_out" if request.price_out is None else "price_in",
        )
    if reference is None or zone is not Zone.EXTERNAL:
        return None
    host = urlsplit(request.url).hostname if request.url else _VENDORS["gpt"]
    return reference.price if _VENDORS.get(reference.family) == host else None


def _size(
    request: CardRequest,
    reference: ReferenceCard | None,
    billions: Decimal | None,
    zone: Zone,
    notes: list[str],
) -> SizeClass:
    if request.size is not None:
        return SizeClass(request.size)
    if reference is not None:
        return reference.size
    if billions is not None:
        return SizeClass.LARGE if billions >= _LARGE_FROM_BILLIONS else SizeClass.SMALL
    size = SizeClass.LARGE if zone is Zone.EXTERNAL else SizeClass.SMALL
    notes.append(f"its size is not known and taken as {size}; --size decides")
    return size


def _billions(upstream: str, reference: ReferenceCard | None) -> Decimal | None:
    if reference is not None and reference.parameters_billion is not None:
        return reference.parameters_billion
    found = _BILLIONS.search(upstream.lower().replace("_", "-"))
    return Decimal(found[1]) if found and Decimal(found[1]) > 0 else None


def _capabilities(
    via: Via, upstream: str, reference: ReferenceCard | None
) -> frozenset[Capability]:
    if reference is not None:
        known = reference.capabilities
    elif "embed" in upstream.lower():
        known = frozenset({Capability.EMBEDDINGS})
    elif via is Via.EMBEDDED:
        known = frozenset({Capability.CHAT})
    else:
        known = SPOKEN
    if Capability.CHAT in known and via in _CONSTRAINING:
        known |= {Capability.STRUCTURED_OUTPUT}
    if Capability.CHAT in known and via is Via.EMBEDDED:
        known |= {Capability.LABELS}
    return known
