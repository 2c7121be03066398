"""`ModelCard`: one entry of the catalog, and what its use costs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from befit.catalog.stage import Stage
from befit.messages import TokenUsage
from befit.vocabulary import SizeClass, Zone

_MILLION = Decimal(1_000_000)


class Via(StrEnum):
    """How a model is reached: in process, or one wire protocol by URL."""

    EMBEDDED = "embedded"
    OPENAI = "openai"
    OLLAMA = "ollama"
    VLLM = "vllm"
    LLAMACPP = "llamacpp"
    LMSTUDIO = "lmstudio"


class Capability(StrEnum):
    """What a model can be asked for."""

    CHAT = "chat"
    TOOLS = "tools"
    STRUCTURED_OUTPUT = "structured_output"
    EMBEDDINGS = "embeddings"
    LABELS = "labels"
    VISION = "vision"


SPOKEN = frozenset({Capability.CHAT, Capability.TOOLS, Capability.STRUCTURED_OUTPUT})
"""What OpenAI's protocol has words for, and so what a chat server is taken to do.

A server that cannot do it refuses the call, and its card can be told to say so.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Price:
    """What a provider charges, in USD per million tokens by class.

    `source` and `as_of` say where and when the price was found.
    """

    input_usd_per_million: Decimal
    output_usd_per_million: Decimal
    cached_input_usd_per_million: Decimal | None = None
    source: str
    as_of: date

    def cost_usd(self, usage: TokenUsage) -> Decimal:
        """The cost of a call. Reasoning tokens are output; cached ones a part of input."""
        cached_price = self.cached_input_usd_per_million
        cached = usage.cached_input if cached_price is not None else 0
        total = (usage.input - cached) * self.input_usd_per_million
        total += usage.output * self.output_usd_per_million
        if cached_price is not None:
            total += cached * cached_price
        return total / _MILLION


@dataclass(frozen=True, kw_only=True, slots=True)
class InfrastructureCost:
    """What a self-hosted model costs: the machine's hour and its measured throughput."""

    machine_usd_per_hour: Decimal
    output_tokens_per_s: Decimal
    source: str
    as_of: date

    def cost_usd(self, usage: TokenUsage) -> Decimal:
        """The share of the machine's hour that the output tokens took."""
        return self.machine_usd_per_hour * usage.output / (self.output_tokens_per_s * 3600)


@dataclass(frozen=True, kw_only=True, slots=True)
class SpecialistRef:
    """The artefact behind a specialist's card: workflow, content hash and labels."""

    workflow: str
    artefact: str  # sha256:<hex>, a folder under .befit/artefacts
    labels: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelCard:
    """One model that Befit may route to.

    Attributes:
        name: the id users write; also the `model` of a request for this model alone.
        upstream_model: the name its server knows it by.
        key_ref: `env:NAME` or `file:PATH`; never the key itself.
        jurisdiction: ISO country or region code; None is unknown.
        context_window: in tokens; None is unknown.
        max_output_tokens: the most one answer can have; None is unknown.
        cost: None is an unknown price (never zero). Embedded models have a zero price.
        able: what the owner declares it good enough for, such as `write` and `plan`.
        owner: who answers for it.
        tenants: whose it is; empty means every tenant's.
        awaits_activation: its file says approved, but nobody entitled has activated what it
            says now; until then its stage is `proposed`.
        parameters_billion: size for "smallest first"; None is unknown.
    """

    name: str
    family: str
    size: SizeClass
    via: Via
    zone: Zone
    url: str | None = None
    upstream_model: str = ""
    key_ref: str | None = None
    jurisdiction: str | None = None
    context_window: int | None = None
    max_output_tokens: int | None = None
    parameters_billion: Decimal | None = None
    cost: Price | InfrastructureCost | None = None
    capabilities: frozenset[Capability] = frozenset({Capability.CHAT})
    able: frozenset[str] = frozenset()
    licence: str | None = None
    languages: frozenset[str] = frozenset()
    stage: Stage = Stage.APPROVED
    specialist: SpecialistRef | None = None
    weights: str | None = None  # the pulled weights' name, for embedded models
    connect_timeout_s: float = 5.0
    first_token_timeout_s: float = 60.0
    total_timeout_s: float = 300.0
    owner: str = ""
    tenants: frozenset[str] = frozenset()
    awaits_activation: bool = False

    @property
    def is_in_process(self) -> bool:
        """True where Befit's own model process runs it: no address, no key, no charge."""
        return self.via is Via.EMBEDDED

    def cost_usd(self, usage: TokenUsage) -> Decimal | None:
        """The cost of a call, or None where the price is unknown."""
        if self.is_in_process and self.cost is None:
            return Decimal(0)
        return self.cost.cost_usd(usage) if self.cost else None
