"""What stands behind a model's use for a workflow: measured figures, or the owner's word."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from befit.catalog import AnswerMode, Evaluation, ModelCard, Workflow, card_version
from befit.vocabulary import Evidence

WRITE = "write"
"""The ability to answer in free text."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """The newest evaluation of this very card for this very workflow version."""

    score: float
    interval: tuple[float, float]
    n: int
    p95_ms: float | None


class EvidenceBook:
    """Evaluations by workflow and model; those of another version of either do not count."""

    def __init__(self, evaluations: Iterable[Evaluation] = ()) -> None:
        self._rows: dict[tuple[str, str, str], dict[str, Evaluation]] = {}
        for row in evaluations:
            key = (row.workflow, row.workflow_version, row.model)
            self._rows.setdefault(key, {})[row.model_version] = row
        self._versions: dict[str, tuple[ModelCard, str]] = {}

    def measured(self, card: ModelCard, workflow: Workflow) -> Measured | None:
        """What was measured of the card on the workflow, or None."""
        rows = self._rows.get((workflow.name, workflow.version, card.name))
        row = rows.get(self._version(card)) if rows else None
        if row is None:
            return None
        return Measured(
            score=row.score,
            interval=(row.lo, row.hi),
            n=row.n,
            p95_ms=row.p95_ms,
        )

    def _version(self, card: ModelCard) -> str:
        # Hashing a card takes longer than all else here, and cards change at reloads alone.
        known = self._versions.get(card.name)
        if known is None or known[0] is not card:
            known = self._versions[card.name] = (card, card_version(card))
        return known[1]

    def evidence(self, card: ModelCard, workflow: Workflow | None) -> Evidence:
        """The strongest kind of evidence that the card may serve the workflow."""
        if workflow is None:
            return Evidence.DECLARED if card.able else Evidence.NONE
        measured = self.measured(card, workflow)
        bar = workflow.requirements.quality_bar
        if measured is not None and (bar is None or measured.score >= bar):
            return Evidence.EVALUATION
        wanted = _abilities(workflow)
        if wanted and wanted <= card.able:
            return Evidence.DECLARED
        return Evidence.NONE

    def is_able(self, card: ModelCard, ability: str, workflow: Workflow | None) -> bool:
        """Whether the owner declares the card able, or it was measured at the workflow's bar."""
        if ability in card.able:
            return True
        if workflow is None:
            return False
        return _reaches(self.measured(card, workflow), workflow.requirements.quality_bar)

    def shortfall(self, card: ModelCard, workflow: Workflow) -> str | None:
        """Why measured figures, or a missing ability, keep the card out; None when none does."""
        wants = workflow.requirements
        measured = self.measured(card, workflow)
        lacking = _required(workflow) - card.able
        if lacking and not _reaches(measured, wants.quality_bar):
            return f"neither declared nor measured able to {', '.join(sorted(lacking))}"
        if measured is None:
            return None
        if wants.quality_bar is not None and measured.score < wants.quality_bar:
            return (
                f"measured {measured.score:.3f} (n={measured.n}), "
                f"below the workflow's bar of {wants.quality_bar:.3f}"
            )
        p95_ms, limit_ms = measured.p95_ms, wants.p95_latency_ms
        if p95_ms is not None and limit_ms is not None and p95_ms > limit_ms:
            return f"measured p95 of {p95_ms:.0f} ms, above the workflow's {limit_ms} ms"
        return None


def _reaches(measured: Measured | None, bar: float | None) -> bool:
    """Whether figures stand for the owner's word; without a bar no figure says that it is able."""
    return measured is not None and bar is not None and measured.score >= bar


def _required(workflow: Workflow) -> frozenset[str]:
    """What a card must be able to do at all; who answers from documents in words must write."""
    knowledge = workflow.knowledge
    writes = knowledge is not None and knowledge.mode is AnswerMode.WRITE
    return workflow.requirements.able | (frozenset({WRITE}) if writes else frozenset[str]())


def _abilities(workflow: Workflow) -> frozenset[str]:
    """What the owner's word would have to cover; free text that asks for nothing needs `write`."""
    is_free_text = not workflow.labels and workflow.output_schema is None
    return workflow.requirements.able or (frozenset({WRITE}) if is_free_text else frozenset())
