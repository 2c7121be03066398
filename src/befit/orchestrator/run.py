"""`Run`: what one request has learned about itself as it climbs the staircase."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from befit.catalog import Catalog, ModelCard, Workflow
from befit.errors import Forbidden
from befit.identity import Principal
from befit.messages import ChatRequest, TokenUsage
from befit.metering import most_cost_usd, most_texts_cost_usd
from befit.orchestrator.answer import Standing
from befit.orchestrator.arrival import Digest, Kind, Source
from befit.orchestrator.consultation import Consultation
from befit.orchestrator.content import Content
from befit.orchestrator.decision_log import DecisionLog
from befit.orchestrator.in_force import InForce
from befit.orchestrator.prompt import prepare
from befit.orchestrator.redaction import Redaction
from befit.policy import ClassOrigin, DataClassification, Form, Policy, Situation
from befit.policy.detection import Examination
from befit.routing import Candidate, CheckResult, Route
from befit.vocabulary import DataClass, Evidence

UNKNOWN_YET = DataClassification(data_class=DataClass.RESTRICTED, origin=ClassOrigin.INSPECTION)
"""The class of content before it is known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Prepared:
    """A request as one model shall see it, and the most that the call can cost."""

    request: ChatRequest
    most_usd: Decimal | None


@dataclass(kw_only=True, slots=True)
class Run:
    """The state of one run. Each step of the staircase fills in its own part.

    Attributes:
        in_force: what the whole run is decided under, whatever reloads meanwhile.
        catalog: of it, what the principal's tenant has.
        digest: of what was asked, where the request does not hold it.
        step: path of the step; a chat request is a run of one step.
        content, examination: its texts and what they hold; None where nothing examines them.
        situation: the question that policy answered for the run's candidates.
        forms: in which form each model may be sent the content; raw where none is named.
        redaction: the request with placeholders, once a model needs it.
        consultation: what documents were asked, and gave; None where the run asks none.
        result_tables: hashes of the sealed tables of what a bulk of searches gave.
        named_model: set where the request is for that model alone.
        model_ms: time spent inside model calls; the rest of the latency is Befit's own.
    """

    principal: Principal
    request: ChatRequest
    source: Source
    kind: Kind
    in_force: InForce
    catalog: Catalog
    log: DecisionLog
    decision_id: str
    digest: Digest | None = None
    step: str = "1"
    opened_at: float = field(default_factory=time.time)
    started: float = field(default_factory=time.perf_counter)
    workflow: Workflow | None = None
    named_model: ModelCard | None = None
    classification: DataClassification = UNKNOWN_YET
    content: Content | None = None
    examination: Examination | None = None
    situation: Situation | None = None
    is_situation_told: bool = False
    forms: Mapping[str, Form] = field(default_factory=dict[str, Form])
    redaction: Redaction | None = None
    consultation: Consultation | None = None
    result_tables: list[str] = field(default_factory=list[str])
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
    def policy(self) -> Policy:
        """The version of the rules that the run is decided under."""
        return self.in_force.policy

    @property
    def asked_text(self) -> str:
        """What the caller asks, without what was put beside it for a model."""
        return self.consultation.question.text if self.consultation else self.request.text

    @property
    def hour(self) -> int:
        """The hour of the day, UTC, that the run was opened in; rules may depend on it."""
        return time.gmtime(self.opened_at).tm_hour

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
            request = self.sent_to(card)
            texts = [message.text for message in request.messages]
            return Prepared(request=request, most_usd=most_texts_cost_usd(card, texts))
        # What is written from documents has its instructions in it already.
        workflow = None if self.consultation else self.workflow
        request = prepare(self.sent_to(card), workflow, card)
        return Prepared(request=request, most_usd=most_cost_usd(card, request))

    def take_form(self, card: ModelCard, form: Form) -> None:
        """Send a model its content in this form from now on."""
        if self.form_for(card) is not form:
            self.forms = {**self.forms, card.name: form}
            self.prepared.pop(card.name, None)

    def form_for(self, card: ModelCard) -> Form:
        """The form in which policy lets the content go to a model."""
        return self.forms.get(card.name, Form.RAW)

    def sent_to(self, card: ModelCard) -> ChatRequest:
        """The request as it may go to a model: as it came, or redacted."""
        redaction = self.redaction_for(card)
        return redaction.request if redaction else self.request

    def redaction_for(self, card: ModelCard) -> Redaction | None:
        """What stands between the content and a model that may not have it raw.

        Raises:
            Forbidden: nothing was examined that could be redacted.
        """
        return None if self.form_for(card) is Form.RAW else self.redacted()

    def redacted(self) -> Redaction:
        """The one redaction of this run; much text takes a while.

        Raises:
            Forbidden: nothing was examined that could be redacted.
        """
        if self.redaction is None:
            if self.content is None or self.examination is None:
                raise Forbidden("the content was not examined, so it cannot be redacted")
            self.redaction = Redaction.of(self.content, self.examination, self.workflow)
        return self.redaction

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
            form=self.form_for(card) if card else Form.RAW,
            excluded=self.excluded,
            why=self.route.why if self.route else "",
            grounds=self.consultation.grounds if self.consultation else None,
        )

    def spend(self, usage: TokenUsage, cost_usd: Decimal | None, model_ms: float) -> None:
        """Add a settled call. One unknown price makes the run's cost unknown."""
        self.usage += usage
        self.model_ms += model_ms
        if cost_usd is None or self.cost_usd is None:
            self.cost_usd = None
        else:
            self.cost_usd += cost_usd
