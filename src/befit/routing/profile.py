"""The visible task profile: what decides between small and large when nothing is measured."""

from __future__ import annotations

from befit.catalog import Breadth, TaskProfile, Workflow


def profile_of(workflow: Workflow | None, *, wants_structure: bool = False) -> TaskProfile:
    """The workflow's declared profile, or the one its shape suggests.

    Labels or an output schema make a task narrow; without a workflow only a requested
    structure does.
    """
    if workflow is None:
        return TaskProfile(breadth=Breadth.NARROW if wants_structure else Breadth.BROAD)
    if workflow.profile is not None:
        return workflow.profile
    narrow = bool(workflow.labels) or workflow.output_schema is not None
    return TaskProfile(
        breadth=Breadth.NARROW if narrow else Breadth.BROAD,
        latency_sensitive=workflow.requirements.p95_latency_ms is not None,
        cost_sensitive=workflow.requirements.cost_ceiling_usd is not None,
    )


def prefers_small(profile: TaskProfile) -> bool:
    """Narrow tasks go small first; broad ones only where latency or cost presses."""
    if profile.breadth is Breadth.NARROW:
        return True
    return profile.latency_sensitive or (profile.frequent and profile.cost_sensitive)
