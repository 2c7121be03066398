"""The data class of a request: declared, carried or found in the text; the highest wins."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from befit.catalog import Workflow
from befit.messages import ChatRequest
from befit.policy.detection.finding import Examination
from befit.vocabulary import DataClass, Tag


class ClassOrigin(StrEnum):
    """Where a data class came from."""

    CALLER = "declared by the caller"
    WORKFLOW = "declared by the workflow"
    CONVERSATION = "carried by the conversation"
    PASSAGES = "of the passages found"
    RELEASED = "of a text released before"
    DETECTED = "found in the text"
    UNEXAMINED = "content that cannot be examined"
    UNDECLARED = "undeclared_class in befit.yaml"
    INSPECTION = "not known yet"


@dataclass(frozen=True, kw_only=True, slots=True)
class DataClassification:
    """A joined class with its tags and the origin that set it.

    Attributes:
        redacted_class, redacted_tags: what is left once every finding is replaced.
        is_fixed: whether something stands in the content that cannot be replaced.
        is_found: whether something was found that has a consequence.
        detected: the types found in the text, such as `CREDIT_CARD`.
    """

    data_class: DataClass
    origin: ClassOrigin
    tags: frozenset[Tag] = frozenset()
    redacted_class: DataClass | None = None
    redacted_tags: frozenset[Tag] = frozenset()
    is_fixed: bool = False
    is_found: bool = False
    detected: tuple[str, ...] = ()

    @property
    def can_redact(self) -> bool:
        """Whether there is something to replace, and all of it can be."""
        return self.is_found and not self.is_fixed

    def joined(self, examination: Examination, *, is_text: bool = True) -> DataClassification:
        """The same, with what the text itself says. A finding raises and never lowers.

        Texts that could not be examined may hold anything, so they are restricted and have
        every tag. Where not all is text, not all can be redacted.
        """
        if examination.failed is not None:
            return DataClassification(
                data_class=DataClass.RESTRICTED,
                origin=ClassOrigin.UNEXAMINED,
                tags=frozenset(Tag),
                is_fixed=True,
            )
        is_fixed = self.is_fixed or not (is_text and examination.is_replaceable)
        if not examination.types:
            return replace(self, is_fixed=is_fixed)
        found_class = examination.data_class or DataClass.PUBLIC
        is_first = self.redacted_class is None
        raises = found_class > self.data_class
        return DataClassification(
            data_class=found_class if raises else self.data_class,
            origin=ClassOrigin.DETECTED if raises else self.origin,
            tags=self.tags | examination.tags,
            redacted_class=self.data_class if is_first else self.redacted_class,
            redacted_tags=self.tags if is_first else self.redacted_tags,
            is_fixed=is_fixed,
            is_found=self.is_found or any(examination.sensitive),
            detected=tuple(sorted({*self.detected, *examination.types})),
        )

    def unexamined(self, strictest: DataClass) -> DataClassification:
        """The same, with content beside it that cannot be examined."""
        if self.data_class >= strictest:
            return replace(self, is_fixed=True)
        return replace(self, data_class=strictest, origin=ClassOrigin.UNEXAMINED, is_fixed=True)

    def carrying(
        self,
        data_class: DataClass,
        tags: frozenset[Tag],
        *,
        origin: ClassOrigin = ClassOrigin.CONVERSATION,
    ) -> DataClassification:
        """The same, once this text is part of what carries all this, such as a conversation.

        What exceeds the text's own class and tags another text has brought, so it remains
        when the findings of this one are replaced.
        """
        raises = data_class > self.data_class
        others = tags - self.tags
        raised = replace(
            self,
            data_class=data_class if raises else self.data_class,
            origin=origin if raises else self.origin,
            tags=self.tags | others,
        )
        if self.redacted_class is None:
            return raised
        return replace(
            raised,
            redacted_class=data_class if raises else self.redacted_class,
            redacted_tags=self.redacted_tags | others,
        )


def classify(
    request: ChatRequest,
    workflow: Workflow | None,
    *,
    carried_class: DataClass | None,
    carried_tags: frozenset[Tag],
    undeclared: DataClass,
    examination: Examination | None = None,
) -> DataClassification:
    """Join what caller, workflow, conversation and text say; nothing lowers a class.

    Content that is not text cannot be examined, so it takes the strictest class that
    the workflow has (`highest_class`). A class that only the conversation or the kind of
    content brings says nothing of this text, so `undeclared` joins them: one public turn
    does not make the next one public. `carried_class` is None where the conversation is new
    or there is none, `examination` where nothing examines texts.
    """
    declared: list[tuple[DataClass, ClassOrigin]] = []
    if request.befit.data_class is not None:
        declared.append((request.befit.data_class, ClassOrigin.CALLER))
    if workflow is not None and workflow.data_class is not None:
        declared.append((workflow.data_class, ClassOrigin.WORKFLOW))
    is_declared = bool(declared)
    if carried_class is not None:
        declared.append((carried_class, ClassOrigin.CONVERSATION))
    is_text = request.is_text_only and (examination is None or examination.is_whole)
    if not is_text:
        strictest = workflow.requirements.highest_class if workflow else DataClass.RESTRICTED
        declared.append((strictest, ClassOrigin.UNEXAMINED))
    if not is_declared:
        declared.append((undeclared, ClassOrigin.UNDECLARED))
    data_class, origin = max(declared, key=lambda pair: pair[0])
    tags = carried_tags | request.befit.tags
    if workflow is not None:
        tags |= workflow.tags
    said = DataClassification(data_class=data_class, origin=origin, tags=tags)
    if examination is None:
        return said
    return said.joined(examination, is_text=is_text)
