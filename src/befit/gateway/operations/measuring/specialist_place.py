"""`SpecialistPlace`: whether a new specialist serves at once, and what is said of it if not."""

from __future__ import annotations

from dataclasses import dataclass, replace

from befit.catalog import ModelCard, Stage, Workflow
from befit.gateway.operations.catalog.activation import may_activate
from befit.identity import Principal
from befit.platform import Platform
from befit.training import TrainedSpecialist
from befit.vocabulary import DEFAULT_TENANT


@dataclass(frozen=True, kw_only=True, slots=True)
class SpecialistPlace:
    """Where a trained specialist goes. One that is not to serve yet displaces nothing.

    Attributes:
        card: as it is written; proposed, under a name of its own where one of its name
            serves, unless `serves`.
        workflow: the one it was trained for; None where the cases make a new one.
        new_workflow: the one that the cases make.
        serves: whether it becomes the workflow's first model.
        activates_workflow: whether the workflow, as it is written, serves too.
        warnings: why it does not serve, and what to do about it.
    """

    trained: TrainedSpecialist
    card: ModelCard
    workflow: Workflow | None
    new_workflow: Workflow
    serves: bool
    activates_workflow: bool
    warnings: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        platform: Platform,
        principal: Principal,
        trained: TrainedSpecialist,
        workflow: Workflow | None,
    ) -> SpecialistPlace:
        """Decide by the workflow's bar and by what the principal may activate."""
        own = frozenset({principal.tenant}) - {DEFAULT_TENANT}
        new_workflow = replace(trained.workflow, tenants=own)
        tenants = own if workflow is None else workflow.tenants
        card = replace(trained.card, tenants=tenants)
        target = workflow or new_workflow
        faults = _faults(trained, workflow)
        if not (
            may_activate(platform, principal, card) and may_activate(platform, principal, target)
        ):
            faults = (*faults, f"{principal.name} may not activate it")
        serves = not faults
        if not serves:
            current = platform.catalog.current.cards.get(card.name)
            is_taken = current is not None and current.stage is Stage.APPROVED
            name = f"{card.name}-proposed" if is_taken else card.name
            card = replace(card, name=name, stage=Stage.PROPOSED)
            new_workflow = replace(new_workflow, stage=Stage.PROPOSED)
        return cls(
            trained=trained,
            card=card,
            workflow=workflow,
            new_workflow=new_workflow,
            serves=serves,
            # A workflow that waits for its activation is not let through by the way.
            activates_workflow=serves and target.stage is Stage.APPROVED,
            warnings=tuple(_warning(fault, card, target) for fault in faults),
        )

    @property
    def bar(self) -> float | None:
        """The quality bar of the workflow it was trained for."""
        return self.workflow.requirements.quality_bar if self.workflow else None


def _faults(trained: TrainedSpecialist, workflow: Workflow | None) -> tuple[str, ...]:
    bar = workflow.requirements.quality_bar if workflow else None
    accuracy = trained.report.accuracy
    if bar is None or accuracy >= bar:
        return ()
    return (f"its score out of fold, {accuracy:.3f}, is below the workflow's bar of {bar:.3f}",)


def _warning(fault: str, card: ModelCard, workflow: Workflow) -> str:
    return (
        f"{fault}: it is proposed as {card.name} and not in the order of {workflow.name}; "
        f"measure it with befit evaluate {workflow.name} --models {card.name}, "
        f"let it serve with befit models promote {card.name}"
    )
