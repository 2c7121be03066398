"""`choose_route`: the plan for a request, smallest proven model first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from befit.catalog import Breadth, ModelCard, TaskProfile, Workflow
from befit.routing.evidence import EvidenceBook
from befit.routing.profile import prefers_small, profile_of
from befit.vocabulary import Evidence, SizeClass, Zone

_UNKNOWN_SIZE = Decimal(1000)
_EVIDENCE_RANK = {
    Evidence.CERTIFICATE: 0,
    Evidence.EVALUATION: 0,
    Evidence.DECLARED: 1,
    Evidence.NONE: 2,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Route:
    """The models to try in order, and whether a person stands at the end.

    Attributes:
        why: one sentence on the first model's choice.
    """

    models: tuple[ModelCard, ...]
    ends_at_person: bool
    profile: TaskProfile
    why: str

    @property
    def names(self) -> tuple[str, ...]:
        """The route in words, with `person` at its end where one stands there."""
        person = ("person",) if self.ends_at_person else ()
        return tuple(card.name for card in self.models) + person


def choose_route(
    eligible: Sequence[ModelCard],
    workflow: Workflow | None,
    evidence: EvidenceBook,
    *,
    wants_structure: bool = False,
) -> Route:
    """Order the eligible cards into a route.

    A workflow's declared order holds. Otherwise models with measured evidence come
    before declared and unproven ones, the smallest first; where nothing is measured the
    task's profile decides whether small or large ones lead.
    """
    profile = profile_of(workflow, wants_structure=wants_structure)
    ends_at_person = workflow is not None and workflow.ends_at_person
    if workflow is not None and workflow.model_order:
        by_name = {card.name: card for card in eligible}
        models = tuple(by_name[name] for name in workflow.model_order if name in by_name)
        why = f"first eligible model in the order of workflow {workflow.name}"
    else:
        small_first = prefers_small(profile)
        models = tuple(
            sorted(eligible, key=lambda card: _rank(card, workflow, evidence, profile, small_first))
        )
        why = _why(models, workflow, evidence, profile)
    return Route(models=models, ends_at_person=ends_at_person, profile=profile, why=why)


def _rank(
    card: ModelCard,
    workflow: Workflow | None,
    evidence: EvidenceBook,
    profile: TaskProfile,
    small_first: bool,
) -> tuple[int, int, int, Decimal, str]:
    proof = _EVIDENCE_RANK[evidence.evidence(card, workflow)]
    size_b = card.parameters_billion or _UNKNOWN_SIZE
    tier = 0 if (card.size is SizeClass.SMALL) == small_first else 1
    away = int(profile.privacy_sensitive and card.zone is not Zone.DEVICE)
    if proof == 0:
        # Proven good enough: from here on only size counts, whatever the profile prefers.
        return (proof, away, 0 if card.size is SizeClass.SMALL else 1, size_b, card.name)
    return (proof, away, tier, size_b if small_first else -size_b, card.name)


def _why(
    models: Sequence[ModelCard],
    workflow: Workflow | None,
    evidence: EvidenceBook,
    profile: TaskProfile,
) -> str:
    if not models:
        return "no model is eligible"
    first = models[0]
    kind = evidence.evidence(first, workflow)
    if kind in {Evidence.EVALUATION, Evidence.CERTIFICATE}:
        return f"smallest eligible model measured good enough ({kind})"
    nature = "narrow" if profile.breadth is Breadth.NARROW else "broad"
    behind = "declared able by the owner" if kind is Evidence.DECLARED else "nothing is measured"
    return f"{nature} task, {behind}: {first.size} tier first"
