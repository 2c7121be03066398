"""`Run`: what one request has learned about itself as it climbs the staircase."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from decimal import Decimal

from befit.catalog import Catalog, ModelCard, Workflow
from befit.identity import Principal
from befit.messages import ChatRequest, TokenUsage
from befit.metering import most_cost_usd, most_texts_cost_usd
from befit.orchestrator.answer import Standing
from befit.orchestrator.arrival import Kind, Source
from befit.orchestrator.decision_log import DecisionLog
from befit.orchestrator.prompt import prepare
from befit.policy import ClassOrigin, DataClassification
from befit.routing import Candidate, CheckResult, Route
from befit.vocabulary import DataClass, Evidence


@dataclass(frozen=True, kw_only=True, slots=True)
class Prepared:
    """A request as one model shall see it, and the most that the call can cost."""

    request: ChatRequest
    most_usd: Decimal | None


@dataclass(kw_only=True, slots=True)
class Run:
    """The state of one run. Each step of the staircase fills in its own part.

    Attributes:
        catalog: the snapshot the whole run is decided on, whatever reloads meanwhile.
        step: path of the step; a chat request is a run of one step.
        named_model: set where the request is for that model alone.
        model_ms: time spent inside model calls; the rest of the latency is Befit's own.
    """

    principal: Principal
    request: ChatRequest
    source: Source
    kind: Kind
    catalog: Catalog
    log: DecisionLog
    decision_id: str
    step: str = "1"
    opened_at: float = field(default_factory=time.time)
    started: float = field(default_factory=time.perf_counter)
    workflow: Workflow | None = None
    named_model: ModelCard | None = None
    classification: DataClassification = field(
        default_factory=lambda: DataClassification(
            data_class=DataClass.RESTRICTED, origin=ClassOrigin.INSPECTION
        )
    )
    prepared: dict[str, Prepared] = field(default_factory=dict[str, Prepared])
    candidates: tuple[Candidate, ...] = ()
    route: Route | None = None
    answering: ModelCard | None = None
    evidence: Evidence = Evidence.NONE
    checks: list[CheckResult] = field(default_factory=list[CheckResult])
    usage: TokenUsage = field(default_factory=TokenUsage)
    cost_usd: Decimal | None = Decimal(0)
    model_ms: float = 0.0

    @property
    def latency_ms(self) -> float:
        """Milliseconds since the run was opened."""
        return (time.perf_counter() - self.started) * 1000

    @property
    def excluded(self) -> dict[str, str]:
        """Every card that was not eligible, with its reasons."""
        return {item.card.name: item.reason for item in self.candidates if not item.eligible}

    def prepared_for(self, card: ModelCard) -> Prepared:
        """The request as the card shall see it; worked out once a card."""
        found = self.prepared.get(card.name)
        if found is None:
            found = self._prepared(card)
            self.prepared[card.name] = found
        return found

    def _prepared(self, card: ModelCard) -> Prepared:
        if self.kind is Kind.EMBEDDINGS:
            texts = [message.text for message in self.request.messages]
            return Prepared(request=self.request, most_usd=most_texts_cost_usd(card, texts))
        request = prepare(self.request, self.workflow, card)
        return Prepared(request=request, most_usd=most_cost_usd(card, request))

    def standing(self) -> Standing:
        """How the run stands now, for its answer."""
        card = self.answering
        return Standing(
            decision_id=self.decision_id,
            workflow=self.workflow.name if self.workflow else None,
            model=card.name if card else None,
            zone=card.zone if card else None,
            evidence=self.evidence,
            data_class=self.classification.data_class,
            excluded=self.excluded,
            why=self.route.why if self.route else "",
        )

    def spend(self, usage: TokenUsage, cost_usd: Decimal | None, model_ms: float) -> None:
        """Add a settled call. One unknown price makes the run's cost unknown."""
        self.usage += usage
        self.model_ms += model_ms
        if cost_usd is None or self.cost_usd is None:
            self.cost_usd = None
        else:
            self.cost_usd += cost_usd
