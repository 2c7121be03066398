"""What a model gets to read: the workflow's instructions before the caller's messages."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from befit.catalog import Capability, ModelCard, Workflow
from befit.knowledge.answers import Claim, repair_message, writing_messages
from befit.messages import ChatCompletion, ChatRequest, Message
from befit.orchestrator.consultation import Consultation

_LABEL_ANSWER_TOKENS = 64
_INSTRUCTING = frozenset({"system", "developer"})


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


def with_passages(
    request: ChatRequest, consultation: Consultation, instructions: str
) -> ChatRequest:
    """What a model reads that writes from documents: the rules, the passages and the question.

    The caller's own instructions stay, and what the question brings beside text. Earlier turns
    go in as data, like the passages.
    """
    system, asked = writing_messages(consultation.question, consultation.found, instructions)
    told = list(zip(request.messages, request.raw_messages, strict=True))
    instructing = [raw for message, raw in told if message.role in _INSTRUCTING]
    question = next(raw for message, raw in reversed(told) if message.role == "user")
    return request.with_messages(system, *instructing, _with_parts(asked, question))


def mended(request: ChatRequest, answer: ChatCompletion, faults: Sequence[Claim]) -> ChatRequest:
    """The request again, with the answer it got and which of its sentences to mend."""
    written = Message(role="assistant", content=answer.text)
    return request.with_messages(*request.raw_messages, written, repair_message(faults))


class _Parts(msgspec.Struct):
    content: str | list[msgspec.Raw] | None = None


class _Part(msgspec.Struct):
    type: str


def _with_parts(asked: Message, question: msgspec.Raw) -> Message | msgspec.Raw:
    """The new question with the pictures or files of the one that was asked."""
    content = msgspec.json.decode(question, type=_Parts).content
    if not isinstance(content, list):
        return asked
    others = [part for part in content if msgspec.json.decode(part, type=_Part).type != "text"]
    if not others:
        return asked
    parts = [{"type": "text", "text": asked.text}, *others]
    return msgspec.Raw(msgspec.json.encode({"role": "user", "content": parts}))


def unproven_notice(model: str) -> str:
    """What the general assistant adds to an answer that nothing stands behind."""
    return (
        f"\n\n(Answered by {model}, unproven for this task. "
        "Attach a better model with `befit models add`.)"
    )
