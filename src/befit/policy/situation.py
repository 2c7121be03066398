"""`Situation` and `Verdicts`: the whole question put to policy, and its whole answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypedDict

from befit.catalog import ModelCard, Requirements, Stage, Workflow, stage_in_words
from befit.identity import Principal
from befit.policy.classification import ClassOrigin
from befit.vocabulary import DataClass, Impact, Purpose, Tag, Zone

_HIGH, _CRITICAL = 0.5, 0.9


class Action(StrEnum):
    """What is asked for; the same words as in `policies/*.cedar`."""

    INVOKE = "invoke"
    INVOKE_UNATTENDED = "invoke_unattended"
    SEND_RAW = "send_raw"
    SEND_REDACTED = "send_redacted"
    RETRIEVE = "retrieve"
    TRAIN_ON = "train_on"
    AUDIT = "audit"  # read the accounts of others
    EXPORT = "export"
    APPROVE = "approve"
    ACTIVATE = "activate"
    ADMINISTER = "administer"


class Form(StrEnum):
    """In which form a request's content may go to a model."""

    RAW = "raw"
    REDACTED = "redacted"


class SpendBand(StrEnum):
    """How much of the tightest money budget is spent."""

    NONE = "none"  # no budget binds
    LOW = "low"  # under half
    HIGH = "high"  # from half on
    CRITICAL = "critical"  # from nine tenths on

    @classmethod
    def of(cls, spent_share: float | None) -> SpendBand:
        """The band of a share between 0 and 1; None where no budget binds."""
        if spent_share is None:
            return cls.NONE
        if spent_share >= _CRITICAL:
            return cls.CRITICAL
        return cls.HIGH if spent_share >= _HIGH else cls.LOW


@dataclass(frozen=True, kw_only=True, slots=True)
class Situation:
    """One complete question: may this principal's content go to each of these models?

    Hashable as a whole, so that a verdict is reused only for the very same question; cards
    count by name and catalog version, which together name their content.

    Attributes:
        workflow: name, or None where a model was named.
        workflow_stage: APPROVED where no workflow is.
        workflow_stage_words: the stage as reasons tell it; empty tells the bare word.
        workflow_owner: empty where no workflow is.
        class_origin: where the class came from; reasons name the setting behind it.
        redacted_class: the class once every found span is replaced; None where nothing was
            found. Whether it can be done, `can_redact` says.
        redacted_tags: the tags that remain then.
        can_redact: whether something was found that can be replaced.
        zones, jurisdictions: what the workflow allows; empty allows all.
        purposes: what the workflow's data may be used for; empty allows all.
        hour: of the day, UTC.
    """

    principal: Principal
    purpose: Purpose
    workflow: str | None
    impact: Impact
    data_class: DataClass
    class_origin: ClassOrigin
    tags: frozenset[Tag]
    highest_class: DataClass
    zones: frozenset[Zone]
    jurisdictions: frozenset[str]
    catalog_version: str
    candidate_names: tuple[str, ...]
    candidates: tuple[ModelCard, ...] = field(compare=False)
    workflow_stage: Stage = Stage.APPROVED
    workflow_stage_words: str = field(default="", compare=False)
    workflow_owner: str = ""
    redacted_class: DataClass | None = None
    redacted_tags: frozenset[Tag] = frozenset()
    can_redact: bool = False
    purposes: frozenset[Purpose] = frozenset()
    hour: int = 0
    spend_band: SpendBand = SpendBand.NONE


class WorkflowFacts(TypedDict):
    """What a situation says of the workflow; the keys are fields of `Situation`."""

    workflow: str | None
    workflow_stage: Stage
    workflow_stage_words: str
    workflow_owner: str
    impact: Impact
    highest_class: DataClass
    zones: frozenset[Zone]
    jurisdictions: frozenset[str]
    purposes: frozenset[Purpose]


def workflow_facts(workflow: Workflow | None) -> WorkflowFacts:
    """What a situation says of the workflow that a request runs, or of there being none."""
    wants = workflow.requirements if workflow else Requirements()
    return WorkflowFacts(
        workflow=workflow.name if workflow else None,
        workflow_stage=workflow.stage if workflow else Stage.APPROVED,
        workflow_stage_words=stage_in_words(workflow) if workflow else "",
        workflow_owner=workflow.owner if workflow else "",
        impact=workflow.impact if workflow else Impact.LOW,
        highest_class=wants.highest_class,
        zones=wants.zones,
        jurisdictions=wants.jurisdictions,
        purposes=workflow.purposes if workflow else frozenset(),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """Policy's answer for one candidate.

    Attributes:
        form: how the content may be sent; RAW unless only redacted is permitted.
        unattended: whether its answer may be released without a person.
        rule_ids: the rules that decided.
        reasons: one sentence a rule, for people, each naming its rule; empty when permitted.
        person_reasons: why its answer needs a person; empty where it does not.
    """

    model: str
    permitted: bool
    unattended: bool
    rule_ids: tuple[str, ...]
    reasons: tuple[str, ...] = ()
    person_reasons: tuple[str, ...] = ()
    form: Form = Form.RAW


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdicts:
    """Policy's answer for all candidates."""

    by_model: Mapping[str, Verdict]

    @property
    def permitted(self) -> tuple[str, ...]:
        """The models that may be called."""
        return tuple(name for name, verdict in self.by_model.items() if verdict.permitted)


class ResourceKind(StrEnum):
    """What an inquiry may be about; the entity types of the schema."""

    WORKSPACE = "Workspace"
    WORKFLOW = "Workflow"
    MODEL = "Model"
    COLLECTION = "Collection"
    DOCUMENT = "Document"


@dataclass(frozen=True, kw_only=True, slots=True)
class Resource:
    """The thing that something is done to. The workspace stands for what has no other.

    Attributes:
        collection: of a document, the one that it is in.
        workflow, card: what the catalog says of it; without, rules take it at its most careful.
    """

    kind: ResourceKind = ResourceKind.WORKSPACE
    name: str = "workspace"
    owner: str = ""
    stage: Stage = Stage.APPROVED
    data_class: DataClass | None = None
    tags: frozenset[Tag] = frozenset()
    collection: str = ""
    workflow: Workflow | None = field(default=None, compare=False)
    card: ModelCard | None = field(default=None, compare=False)

    @classmethod
    def of_workflow(cls, workflow: Workflow) -> Resource:
        """A workflow of the catalog."""
        return cls(
            kind=ResourceKind.WORKFLOW,
            name=workflow.name,
            owner=workflow.owner,
            stage=workflow.stage,
            data_class=workflow.data_class,
            tags=workflow.tags,
            workflow=workflow,
        )

    @classmethod
    def of_model(cls, card: ModelCard) -> Resource:
        """A model of the catalog."""
        return cls(
            kind=ResourceKind.MODEL, name=card.name, owner=card.owner, stage=card.stage, card=card
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Inquiry:
    """One question apart from models: may this principal do this to that?"""

    principal: Principal
    action: Action
    resource: Resource = field(default_factory=Resource)
    hour: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Ruling:
    """Policy's answer to an inquiry; `reasons` as in `Verdict`."""

    permitted: bool
    rule_ids: tuple[str, ...]
    reasons: tuple[str, ...] = ()
