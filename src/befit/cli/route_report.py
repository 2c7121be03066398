"""A route in words: the plan, and every model with what keeps it out."""

from __future__ import annotations

import msgspec

from befit.cli.output import one_line


class CandidateView(msgspec.Struct):
    """A model that was considered."""

    model: str
    eligible: bool
    reasons: list[str] = []


class _Refusal(msgspec.Struct):
    message: str


class RouteView(msgspec.Struct):
    """What is printed of a route's document."""

    decision_id: str
    status: str
    workflow: str | None
    model: str | None
    zone: str | None
    evidence: str
    data_class: str
    candidates: list[CandidateView]
    why: str = ""
    route: list[str] = []
    error: _Refusal | None = None


def route_report(view: RouteView, *, every_model: bool) -> str:
    """The plan in a few lines; with `every_model`, each one and why it is in or out."""
    lines = [
        f"workflow    {view.workflow or 'none'}",
        f"data class  {view.data_class}",
        f"route       {' > '.join(view.route) or 'nobody can answer'}",
    ]
    if view.why:
        lines.append(f"because     {view.why}")
    if view.model:
        lines.append(f"first       {view.model} ({view.zone}), evidence: {view.evidence}")
    if view.error is not None:
        lines.append(f"refused     {one_line(view.error.message)}")
    if every_model:
        lines += ["", *candidate_lines(view.candidates)]
    return "\n".join([*lines, f"decision    {view.decision_id}"])


def candidate_lines(candidates: list[CandidateView]) -> list[str]:
    """One line a model: `+` is eligible, `-` is not, and why."""
    width = max((len(item.model) for item in candidates), default=0)
    ordered = sorted(candidates, key=lambda item: not item.eligible)
    return [
        f"  {'+' if item.eligible else '-'} {item.model:<{width}}  "
        + ("eligible" if item.eligible else "; ".join(item.reasons))
        for item in ordered
    ]
