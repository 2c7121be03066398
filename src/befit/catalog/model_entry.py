"""`ModelEntry`: one model of `befit.yaml`, and the card it becomes.

models:
  big: {via: openai, model: gpt-4.1, size: large, zone: external, key: env:OPENAI_API_KEY}
"""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, model_validator

from befit.catalog.address import is_loopback, url_fault
from befit.catalog.card import (
    SPOKEN,
    Capability,
    InfrastructureCost,
    ModelCard,
    Price,
    SpecialistRef,
    Via,
)
from befit.catalog.entry import Entry, Name, Place, Word
from befit.catalog.stage import Stage
from befit.vocabulary import SizeClass, Zone

_KEY_REFERENCE = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]{0,127}\Z|file:[^\x00-\x1f\x7f]{1,1024}\Z")
_ARTEFACT = r"^sha256:[0-9a-f]{64}$"


def _checked_url(url: str) -> str:
    fault = url_fault(url)
    if fault:
        raise ValueError(fault)
    return url


def _checked_key(reference: str) -> str:
    if not _KEY_REFERENCE.match(reference):
        # The value is not quoted: people put the key itself here.
        raise ValueError("a key is a reference, env:NAME or file:PATH, never the key itself")
    return reference


Money = Annotated[Decimal, Field(ge=0, max_digits=20, allow_inf_nan=False)]
Seconds = Annotated[float, Field(gt=0, le=86400)]
Tokens = Annotated[int, Field(gt=0, le=1_000_000_000)]


class PriceEntry(Entry):
    """What a provider charges, and where and when that was found."""

    input_usd_per_million: Money
    output_usd_per_million: Money
    cached_input_usd_per_million: Money | None = None
    source: Annotated[str, Field(min_length=1)]
    as_of: date


class InfrastructureEntry(Entry):
    """What a self-hosted model costs: the machine's hour and its measured throughput."""

    machine_usd_per_hour: Money
    output_tokens_per_s: Annotated[Decimal, Field(gt=0, max_digits=20)]
    source: Annotated[str, Field(min_length=1)]
    as_of: date


class SpecialistEntry(Entry):
    """The artefact behind a specialist; written by `befit train`."""

    workflow: Name
    artefact: Annotated[str, Field(pattern=_ARTEFACT)]
    labels: Annotated[tuple[str, ...], Field(min_length=1)]


class TimeoutsEntry(Entry):
    """How long to wait for the connection, the first token and the whole answer."""

    connect_s: Seconds = 5.0
    first_token_s: Seconds = 60.0
    total_s: Seconds = 300.0


class ModelEntry(Entry):
    """The keys of one model in `befit.yaml`."""

    via: Via
    size: SizeClass
    url: Annotated[str, AfterValidator(_checked_url)] | None = None
    model: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    weights: Name | None = None
    family: Annotated[str, Field(min_length=1)] | None = None
    zone: Zone | None = None
    jurisdiction: Place | None = None
    key: Annotated[str, AfterValidator(_checked_key)] | None = None
    context_window: Tokens | None = None
    max_output_tokens: Tokens | None = None
    parameters_billion: Annotated[Decimal, Field(gt=0, max_digits=12)] | None = None
    price: PriceEntry | None = None
    infrastructure: InfrastructureEntry | None = None
    capabilities: Annotated[tuple[Capability, ...], Field(min_length=1)] | None = None
    able: tuple[Word, ...] = ()
    licence: str | None = None
    languages: tuple[Word, ...] = ()
    stage: Stage = Stage.APPROVED
    owner: str = ""
    tenants: tuple[Name, ...] = ()
    specialist: SpecialistEntry | None = None
    timeouts: TimeoutsEntry = TimeoutsEntry()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.via is Via.EMBEDDED:
            self._check_embedded()
        elif self.weights or self.specialist:
            raise ValueError("`weights` and `specialist` belong to `via: embedded`")
        elif self.zone is Zone.DEVICE and self._is_remote:
            raise ValueError("a remote URL is never zone `device`; declare where it runs")
        if self.price and self.infrastructure:
            raise ValueError("`price` and `infrastructure` exclude each other")
        return self

    def _check_embedded(self) -> None:
        if self.url or self.key or self.model:
            raise ValueError("`via: embedded` has no `url`, `model` or `key`; it has `weights`")
        if not self.weights:
            raise ValueError("`via: embedded` needs `weights`, such as smollm2-135m")
        if self.zone not in {None, Zone.DEVICE}:
            raise ValueError("an embedded model runs on this machine: zone is `device`")

    @property
    def _is_remote(self) -> bool:
        # Without a URL the provider's usual one holds: the vendor's for openai, else loopback.
        return not is_loopback(self.url) if self.url else self.via is Via.OPENAI

    @property
    def _usual_capabilities(self) -> frozenset[Capability]:
        if self.specialist:
            return frozenset({Capability.LABELS})
        return frozenset({Capability.CHAT}) if self.via is Via.EMBEDDED else SPOKEN

    def card(self, name: str) -> ModelCard:
        """The card of this entry. An undeclared zone is the safest one that can be true."""
        is_local = self.via is Via.EMBEDDED or not self._is_remote
        cost = self.price or self.infrastructure
        return ModelCard(
            name=name,
            family=self.family or name,
            size=self.size,
            via=self.via,
            zone=self.zone or (Zone.DEVICE if is_local else Zone.EXTERNAL),
            url=self.url,
            upstream_model=self.model or ("" if self.via is Via.EMBEDDED else name),
            key_ref=self.key,
            jurisdiction=self.jurisdiction,
            context_window=self.context_window,
            max_output_tokens=self.max_output_tokens,
            parameters_billion=self.parameters_billion,
            cost=_cost(cost) if cost else None,
            capabilities=frozenset(self.capabilities or self._usual_capabilities),
            able=frozenset(self.able),
            licence=self.licence,
            languages=frozenset(self.languages),
            stage=self.stage,
            owner=self.owner,
            tenants=frozenset(self.tenants),
            specialist=_specialist(self.specialist) if self.specialist else None,
            weights=self.weights,
            connect_timeout_s=self.timeouts.connect_s,
            first_token_timeout_s=self.timeouts.first_token_s,
            total_timeout_s=self.timeouts.total_s,
        )


def _cost(entry: PriceEntry | InfrastructureEntry) -> Price | InfrastructureCost:
    if isinstance(entry, PriceEntry):
        return Price(**dict(entry))
    return InfrastructureCost(**dict(entry))


def _specialist(entry: SpecialistEntry) -> SpecialistRef:
    return SpecialistRef(workflow=entry.workflow, artefact=entry.artefact, labels=entry.labels)


def entry_of_card(card: ModelCard) -> dict[str, Any]:
    """The mapping that stands for a card in `befit.yaml`: what is known, nothing else.

    Numbers of money are text, so that no reader turns them into binary fractions.
    """
    values = {
        "via": card.via.value,
        "url": card.url,
        "model": card.upstream_model or None,
        "weights": card.weights,
        "key": card.key_ref,
        "family": card.family,
        "size": card.size.value,
        "parameters_billion": _number(card.parameters_billion),
        "zone": card.zone.value,
        "jurisdiction": card.jurisdiction,
        "context_window": card.context_window,
        "max_output_tokens": card.max_output_tokens,
        "capabilities": sorted(capability.value for capability in card.capabilities),
        "able": sorted(card.able),
        "languages": sorted(card.languages),
        "licence": card.licence,
        **_cost_values(card.cost),
        "stage": None if card.stage is Stage.APPROVED else card.stage.value,
        "owner": card.owner or None,
        "tenants": sorted(card.tenants),
        "specialist": _specialist_values(card.specialist),
        "timeouts": _timeout_values(card),
    }
    return {key: value for key, value in values.items() if value not in (None, [])}


def _number(value: Decimal | None) -> int | float | None:
    if value is None:
        return None
    return int(value) if value == value.to_integral_value() else float(value)


def _cost_values(cost: Price | InfrastructureCost | None) -> dict[str, Any]:
    if cost is None:
        return {}
    entry = PriceEntry if isinstance(cost, Price) else InfrastructureEntry
    fields = {name: getattr(cost, name) for name in entry.model_fields}
    values = {name: str(value) for name, value in fields.items() if value is not None}
    return {"price" if isinstance(cost, Price) else "infrastructure": values}


def _specialist_values(specialist: SpecialistRef | None) -> dict[str, Any] | None:
    if specialist is None:
        return None
    return {
        "workflow": specialist.workflow,
        "artefact": specialist.artefact,
        "labels": list(specialist.labels),
    }


def _timeout_values(card: ModelCard) -> dict[str, float] | None:
    asked = {
        "connect_s": card.connect_timeout_s,
        "first_token_s": card.first_token_timeout_s,
        "total_s": card.total_timeout_s,
    }
    usual = TimeoutsEntry().model_dump()
    return {key: value for key, value in asked.items() if value != usual[key]} or None
