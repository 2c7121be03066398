"""What a model gets to read: the workflow's instructions before the caller's messages."""

from __future__ import annotations

from befit.catalog import Capability, ModelCard, Workflow
from befit.messages import ChatRequest

_LABEL_ANSWER_TOKENS = 64


def prepare(request: ChatRequest, workflow: Workflow | None, card: ModelCard) -> ChatRequest:
    """The request as `card` shall see it; untouched where no workflow says anything."""
    if workflow is None or card.specialist is not None:
        return request
    instructions = _instructions(workflow)
    if instructions:
        request = request.with_system(instructions)
    if workflow.labels and request.max_output_tokens is None and not card.is_in_process:
        request = request.with_field("max_tokens", _LABEL_ANSWER_TOKENS)
    structured = Capability.STRUCTURED_OUTPUT in card.capabilities
    if workflow.output_schema is not None and structured and request.response_format is None:
        schema = {"name": "output", "schema": workflow.output_schema, "strict": True}
        request = request.with_field(
            "response_format", {"type": "json_schema", "json_schema": schema}
        )
    return request


def _instructions(workflow: Workflow) -> str:
    parts = [workflow.instructions.strip()] if workflow.instructions.strip() else []
    if workflow.labels:
        lines = [_label_line(workflow, label) for label in workflow.labels]
        parts.append(
            "Answer with exactly one of these labels and nothing else:\n" + "\n".join(lines)
        )
    return "\n\n".join(parts)


def _label_line(workflow: Workflow, label: str) -> str:
    description = workflow.label_descriptions.get(label)
    return f"- {label}: {description}" if description else f"- {label}"


def unproven_notice(model: str) -> str:
    """What the general assistant adds to an answer that nothing stands behind."""
    return (
        f"\n\n(Answered by {model}, unproven for this task. "
        "Attach a better model with `befit models add`.)"
    )
