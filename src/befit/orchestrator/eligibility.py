"""Steps "authorise", "eligible models" and "route": policy first, then hard constraints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from befit.catalog import AnswerMode, Capability, ModelCard
from befit.errors import (
    BefitError,
    BudgetExhausted,
    ContextTooLong,
    Forbidden,
    InvalidRequest,
    ModelUnreachable,
    NoFitModel,
)
from befit.inference import ModelCaller
from befit.orchestrator.arrival import Kind
from befit.orchestrator.collaborators import Collaborators
from befit.orchestrator.run import Run
from befit.policy import Form, Verdict, Verdicts
from befit.routing import (
    Candidate,
    EvidenceBook,
    Gate,
    Limits,
    Needs,
    Route,
    choose_route,
    exclude,
)


class Eligibility:
    """Judges every card of the catalog for one run and plans the route."""

    def __init__(self, rooms: Collaborators) -> None:
        self._rooms = rooms

    def plan(self, run: Run, verdicts: Verdicts) -> None:
        """Set the run's candidates and route. The route may be empty."""
        evidence = self._rooms.evidence(run.principal.tenant)
        needs = _needs(run)
        limits = self._limits(run)
        judging = _Judging(needs=needs, limits=limits, evidence=evidence, listed=_listed(run))
        run.candidates = tuple(
            _judge(run, card, verdicts.by_model[card.name], judging)
            for card in run.catalog.cards.values()
        )
        eligible = [item.card for item in run.candidates if item.eligible]
        quoting = next((card for card in eligible if _quotes_last(run, card)), None)
        first = [card for card in eligible if card is not quoting]
        wants_structure = Capability.STRUCTURED_OUTPUT in needs.capabilities
        workflow = None if run.named_model else run.workflow
        route = choose_route(first, workflow, evidence, wants_structure=wants_structure)
        run.route = _with_quotes(route, run, quoting)

    def _limits(self, run: Run) -> Limits:
        workflow, caller = run.workflow, self._rooms.caller
        ceiling_usd = workflow.requirements.cost_ceiling_usd if workflow else None
        scopes = run.in_force.scopes(run.principal, workflow)
        return Limits(
            cost_ceiling_usd=ceiling_usd,
            under_budget=bool(scopes) or ceiling_usd is not None,
            most_cost_usd=lambda card: run.prepared_for(card).most_usd,
            ill_reason=lambda name: _ill_reason(caller, name),
        )


def _needs(run: Run) -> Needs:
    """What any model must offer to take this request."""
    request, workflow = run.request, run.workflow
    if run.kind is Kind.EMBEDDINGS:
        # Each text is read on its own, so the longest must fit, not all of them together.
        longest = max(len(message.text.encode()) for message in request.messages)
        return Needs(serves=frozenset({Capability.EMBEDDINGS}), input_bytes=longest)
    wanted: set[Capability] = set()
    if request.has_tools:
        wanted.add(Capability.TOOLS)
    if request.response_format is not None and request.response_format.type != "text":
        wanted.add(Capability.STRUCTURED_OUTPUT)
    if not request.is_text_only:
        wanted.add(Capability.VISION)
    # What is written from documents has its instructions in the request by now.
    instructed = workflow if run.consultation is None else None
    instructions = len(instructed.instructions.encode()) if instructed else 0
    return Needs(
        serves=_serving(run),
        capabilities=frozenset(wanted),
        input_bytes=request.input_bytes + instructions,
    )


def refusal(run: Run) -> BefitError:
    """Why no model is eligible, as the error that the caller gets.

    The candidate that came furthest decides: a model stopped only by its budget says more
    than ten that policy forbids.
    """
    listed = [item for item in run.candidates if item.gate is not None and item.reasons]
    if run.named_model is not None:
        listed = [item for item in listed if item.card.name == run.named_model.name]
    named = _listed(run)
    if named is not None:
        listed = [item for item in listed if item.card.name in named] or listed
    if not listed:
        return NoFitModel("no model is configured", next_step="befit models add NAME --via ..")
    furthest = max(listed, key=lambda item: item.gate or Gate.POLICY)
    told = "; ".join(f"{item.card.name}: {item.reason}" for item in listed)
    errors: Mapping[Gate, type[BefitError]] = {
        Gate.POLICY: Forbidden,
        Gate.CAPABILITY: InvalidRequest,
        Gate.CONTEXT: ContextTooLong,
        Gate.MEASURED: NoFitModel,
        Gate.BUDGET: BudgetExhausted,
        Gate.HEALTH: ModelUnreachable,
    }
    return errors[furthest.gate or Gate.POLICY](f"no model is eligible: {told}")


def exceeds_ceiling(run: Run, most_usd: Decimal | None) -> bool:
    """Whether one more call could take the run above its workflow's cost ceiling."""
    ceiling_usd = run.workflow.requirements.cost_ceiling_usd if run.workflow else None
    if ceiling_usd is None:
        return False
    if most_usd is None or run.cost_usd is None:
        return True
    return run.cost_usd + most_usd > ceiling_usd


def _serving(run: Run) -> frozenset[Capability]:
    """Labels alone suffice where labels are wanted, or where that very model is named."""
    if run.named_model is not None or (run.workflow is not None and run.workflow.labels):
        return frozenset({Capability.CHAT, Capability.LABELS})
    return frozenset({Capability.CHAT})


def _listed(run: Run) -> frozenset[str] | None:
    """The names a run is limited to, or None where every card may take part."""
    if run.named_model is not None:
        return frozenset({run.named_model.name})
    if run.workflow is not None and run.workflow.model_order:
        return frozenset(run.workflow.model_order)
    return None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Judging:
    """What every card of one run is judged by."""

    needs: Needs
    limits: Limits
    evidence: EvidenceBook
    listed: frozenset[str] | None


def _judge(run: Run, card: ModelCard, verdict: Verdict, judging: _Judging) -> Candidate:
    excluded = _excluded(run, card, verdict, judging)
    if excluded is None:
        return Candidate(card=card, rules=verdict.rule_ids)
    gate, reasons = excluded
    return Candidate(card=card, gate=gate, reasons=reasons, rules=verdict.rule_ids)


def _excluded(
    run: Run, card: ModelCard, verdict: Verdict, judging: _Judging
) -> tuple[Gate, tuple[str, ...]] | None:
    """The first constraint that keeps the card out, with its reasons; None when none does."""
    if not verdict.permitted:
        return Gate.POLICY, verdict.reasons
    consultation = run.consultation
    if consultation is not None and card == consultation.embedder:
        return _not_quoting(run, card, verdict, judging)
    if consultation is not None and consultation.mode is AnswerMode.QUOTE:
        return Gate.CAPABILITY, (f"quotes are chosen by {consultation.embedder.name}",)
    outside = _outside(run, card, judging.listed)
    if outside is not None:
        return Gate.CAPABILITY, (outside,)
    if run.workflow is not None and run.named_model is None:
        shortfall = judging.evidence.shortfall(card, run.workflow)
        if shortfall is not None:
            return Gate.MEASURED, (shortfall,)
    found = exclude(card, judging.needs, judging.limits)
    return None if found is None else (found[0], (found[1],))


def _not_quoting(
    run: Run, card: ModelCard, verdict: Verdict, judging: _Judging
) -> tuple[Gate, tuple[str, ...]] | None:
    """Why the embedder that searched may not quote what it found; None where it may."""
    if verdict.form is Form.REDACTED:
        return Gate.POLICY, ("policy lets it read the passages redacted only: no quote then",)
    is_last = _quotes_last(run, card)
    if is_last and run.workflow is not None and run.workflow.ends_at_person:
        return Gate.CAPABILITY, ("what no model can write goes to a person, not to quotes",)
    outside = None if is_last else _outside(run, card, judging.listed)
    if outside is not None:
        return Gate.CAPABILITY, (outside,)
    needs = replace(judging.needs, serves=frozenset({Capability.EMBEDDINGS}), input_bytes=0)
    found = exclude(card, needs, judging.limits)
    return None if found is None else (found[0], (found[1],))


def _quotes_last(run: Run, card: ModelCard) -> bool:
    """Whether the card's part is to quote where nobody could write what passes."""
    consultation, listed = run.consultation, _listed(run)
    return (
        consultation is not None
        and consultation.mode is AnswerMode.WRITE
        and card == consultation.embedder
        and (listed is None or card.name not in listed)
        and run.named_model is None
    )


def _with_quotes(route: Route, run: Run, quoting: ModelCard | None) -> Route:
    """The route with the documents' own sentences as its last step."""
    consultation = run.consultation
    if consultation is not None and consultation.mode is AnswerMode.QUOTE and route.models:
        return replace(route, why="the documents' own sentences, chosen by what searched them")
    if quoting is None:
        return route
    why = route.why if route.models else "no model may write this: the documents are quoted"
    return replace(route, models=(*route.models, quoting), why=why)


def _outside(run: Run, card: ModelCard, listed: frozenset[str] | None) -> str | None:
    if listed is not None and card.name not in listed:
        if run.named_model is not None:
            return f"the request is for {run.named_model.name} alone"
        return f"workflow {run.workflow.name if run.workflow else ''} does not list it"
    specialist = card.specialist
    workflow = run.workflow.name if run.workflow else None
    if specialist is not None and specialist.workflow != workflow and run.named_model is None:
        return f"a specialist of workflow {specialist.workflow}"
    return None


def _ill_reason(caller: ModelCaller, name: str) -> str | None:
    health = caller.health(name)
    return None if health.is_usable else f"it is not healthy: {health.last_error}"
