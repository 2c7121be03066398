"""The data class of a request: declared by caller, workflow or conversation; the highest wins."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from befit.catalog import Workflow
from befit.messages import ChatRequest
from befit.vocabulary import DataClass, Tag


class ClassOrigin(StrEnum):
    """Where a data class came from."""

    CALLER = "declared by the caller"
    WORKFLOW = "declared by the workflow"
    CONVERSATION = "carried by the conversation"
    UNEXAMINED = "content that cannot be examined"
    UNDECLARED = "undeclared_class in befit.yaml"
    INSPECTION = "not known yet"


@dataclass(frozen=True, kw_only=True, slots=True)
class DataClassification:
    """A joined class with its tags and the origin that set it."""

    data_class: DataClass
    origin: ClassOrigin
    tags: frozenset[Tag] = frozenset()


def classify(
    request: ChatRequest,
    workflow: Workflow | None,
    *,
    conversation: DataClass | None,
    undeclared: DataClass,
) -> DataClassification:
    """Join what caller, workflow and conversation declare; nothing lowers a class.

    Content that is not text cannot be examined, so it takes the strictest class that
    the workflow has (`highest_class`). A class that only the conversation or the kind of
    content brings says nothing of this text, so `undeclared` joins them: one public turn
    does not make the next one public.
    """
    declared: list[tuple[DataClass, ClassOrigin]] = []
    if request.befit.data_class is not None:
        declared.append((request.befit.data_class, ClassOrigin.CALLER))
    if workflow is not None and workflow.data_class is not None:
        declared.append((workflow.data_class, ClassOrigin.WORKFLOW))
    is_declared = bool(declared)
    if conversation is not None:
        declared.append((conversation, ClassOrigin.CONVERSATION))
    if not request.is_text_only:
        strictest = workflow.requirements.highest_class if workflow else DataClass.RESTRICTED
        declared.append((strictest, ClassOrigin.UNEXAMINED))
    if not is_declared:
        declared.append((undeclared, ClassOrigin.UNDECLARED))
    data_class, origin = max(declared, key=lambda pair: pair[0])
    tags = request.befit.tags | workflow.tags if workflow else request.befit.tags
    return DataClassification(data_class=data_class, origin=origin, tags=tags)
