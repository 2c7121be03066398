"""`WorkflowFile`: the keys of `workflows/NAME.yaml`, and the workflow they become.

instructions: Name the queue that a ticket belongs to.
labels: {billing: invoices and payments, access: passwords and accounts}
requirements: {quality_bar: 0.9, p95_ms: 800}
escalation: {models: [triage-specialist, big, person], check: {confidence: 0.8}}
"""

from __future__ import annotations

import hashlib
import json
from decimal import Decimal
from typing import Annotated, Any, Literal, Self, cast

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from befit.catalog.entry import ClassWord, Duration, Entry, Name, Place, Word, duration_s
from befit.catalog.json_schema import schema_fault
from befit.catalog.stage import Stage
from befit.catalog.workflow import (
    PERSON,
    AnswerMode,
    Breadth,
    Check,
    CheckKind,
    Knowledge,
    Requirements,
    TaskProfile,
    Workflow,
)
from befit.vocabulary import DataClass, Impact, Purpose, Tag, Zone

_MAX_LABELS = 2000
_MOST_PASSAGES = 20
_APART = {"stage", "tenants"}
"""Keys that a version is not the hash of."""


class RequirementsEntry(Entry):
    """What the workflow asks of any model that serves it."""

    quality_bar: Annotated[float, Field(ge=0, le=1)] | None = None
    p95_ms: Annotated[int, Field(gt=0)] | None = None
    cost_ceiling_usd: Annotated[Decimal, Field(gt=0, max_digits=20)] | None = None
    zones: tuple[Zone, ...] = ()
    jurisdictions: tuple[Place, ...] = ()
    highest_class: ClassWord = DataClass.RESTRICTED
    able: tuple[Word, ...] = ()


class ProfileEntry(Entry):
    """The task's nature; decides between small and large when nothing is measured."""

    breadth: Breadth = Breadth.NARROW
    frequent: bool = False
    latency_sensitive: bool = False
    cost_sensitive: bool = False
    privacy_sensitive: bool = False


class CheckEntry(Entry):
    """How an answer is checked: `schema`, `label`, `none`, `{confidence: P}`, `{named: N}`."""

    kind: Literal["none", "schema", "label"] | None = None
    confidence: Annotated[float, Field(gt=0, le=1)] | None = None
    named: Name | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if [self.kind, self.confidence, self.named].count(None) != 2:
            raise ValueError("one of schema, label, none, {confidence: 0.8}, {named: NAME}")
        return self


def _check(value: object) -> object:
    return {"kind": value} if isinstance(value, str) else value


class EscalationEntry(Entry):
    """The order of models to try, and the check that an answer must pass."""

    models: tuple[str, ...] = ()
    check: Annotated[CheckEntry | None, BeforeValidator(_check)] = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if PERSON in self.models[:-1]:
            raise ValueError("`person` is the last resort and stands last")
        if len(set(self.models)) < len(self.models):
            raise ValueError("a model stands twice in the order")
        return self


class KnowledgeEntry(Entry):
    """The documents that it answers from, and how."""

    collections: tuple[Name, ...] = ()
    mode: AnswerMode = AnswerMode.QUOTE
    passages: Annotated[int, Field(ge=1, le=_MOST_PASSAGES)] = Knowledge().passages

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if len(set(self.collections)) < len(self.collections):
            raise ValueError("a collection stands twice")
        return self


def _labels(value: object) -> object:
    if not isinstance(value, list):
        return value
    labels = cast("list[object]", value)
    if not all(isinstance(label, str) for label in labels):
        raise ValueError("every label must be text; put it in quotes")
    if len(set(labels)) < len(labels):
        raise ValueError("a label stands twice")
    return dict.fromkeys(labels, "")


def _checked_labels(labels: dict[str, str]) -> dict[str, str]:
    if len(labels) > _MAX_LABELS:
        raise ValueError(f"more than {_MAX_LABELS} labels")
    if any(not label.strip() or len(label) > 200 or "\n" in label for label in labels):
        raise ValueError("a label is one line of 1 to 200 characters")
    return labels


def _checked_schema(schema: dict[str, Any]) -> dict[str, Any]:
    fault = schema_fault(schema)
    if fault:
        raise ValueError(fault)
    return schema


JsonSchema = Annotated[dict[str, Any], AfterValidator(_checked_schema)]  # open by nature


class WorkflowFile(Entry):
    """The keys of one file under `workflows/`."""

    description: str = ""
    instructions: str = ""
    input_schema: JsonSchema | None = None
    output_schema: JsonSchema | None = None
    labels: Annotated[dict[str, str], BeforeValidator(_labels), AfterValidator(_checked_labels)] = (
        Field(default_factory=dict[str, str])
    )
    requirements: RequirementsEntry = RequirementsEntry()
    profile: ProfileEntry | None = None
    impact: Impact = Impact.LOW
    owner: str = ""
    escalation: EscalationEntry = EscalationEntry()
    data_class: ClassWord | None = None
    tags: tuple[Tag, ...] = ()
    examples: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    reviewers: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    approval_expiry: Duration = "7d"
    stage: Stage = Stage.APPROVED
    purposes: tuple[Purpose, ...] = ()
    knowledge: KnowledgeEntry | None = None
    tenants: tuple[Name, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        check = self.escalation.check
        kind = check.kind if check else None
        if kind == "schema" and self.output_schema is None:
            raise ValueError("the check `schema` needs an `output_schema`")
        if (kind == "label" or (check and check.confidence)) and not self.labels:
            raise ValueError("the checks `label` and `confidence` need `labels`")
        if self.data_class and self.data_class > self.requirements.highest_class:
            raise ValueError("`data_class` lies above `requirements.highest_class`")
        if self.knowledge is not None and (self.labels or self.output_schema is not None):
            raise ValueError(
                "an answer from documents is text with citations: leave out `labels` and "
                "`output_schema`, or `knowledge`"
            )
        return self

    def content(self) -> str:
        """The text that a version is the hash of: what the file says, and a file itself.

        Comments, quotes and the order of keys do not count; the order inside schemas,
        labels and lists does, since answers depend on it. `stage` and `tenants` do not:
        whether and for whom it serves makes nothing untrue that was measured of it.
        """
        values = self.model_dump(mode="json", exclude_unset=True, exclude=_APART)
        for key in ("requirements", "profile", "escalation", "knowledge"):
            if values.get(key):
                values[key] = dict(sorted(values[key].items()))
        return json.dumps(dict(sorted(values.items())), ensure_ascii=False, separators=(",", ":"))

    def workflow(self, name: str) -> Workflow:
        """The loaded workflow, named by the hash of its content."""
        order = self.escalation.models
        digest = hashlib.sha256(self.content().encode()).hexdigest()
        return Workflow(
            name=name,
            version=f"sha256:{digest}",
            description=self.description,
            instructions=self.instructions,
            input_schema=self.input_schema,
            output_schema=self.output_schema,
            labels=tuple(self.labels),
            label_descriptions={label: text for label, text in self.labels.items() if text},
            requirements=_requirements(self.requirements),
            profile=TaskProfile(**dict(self.profile)) if self.profile else None,
            impact=self.impact,
            owner=self.owner,
            models=order,
            check=self._check(),
            data_class=self.data_class,
            tags=frozenset(self.tags),
            examples=self.examples,
            reviewers=self.reviewers,
            approval_expiry_s=duration_s(self.approval_expiry),
            stage=self.stage,
            purposes=frozenset(self.purposes),
            knowledge=Knowledge(**dict(self.knowledge)) if self.knowledge else None,
            tenants=frozenset(self.tenants),
        )

    def _check(self) -> Check:
        entry = self.escalation.check
        if entry is None:  # what the workflow promises of its answers is what is checked
            if self.labels:
                return Check(kind=CheckKind.LABEL)
            return Check(kind=CheckKind.SCHEMA if self.output_schema else CheckKind.NONE)
        if entry.confidence is not None:
            return Check(kind=CheckKind.CONFIDENCE, min_confidence=entry.confidence)
        if entry.named is not None:
            return Check(kind=CheckKind.NAMED, name=entry.named)
        return Check(kind=CheckKind(entry.kind))


def _requirements(entry: RequirementsEntry) -> Requirements:
    return Requirements(
        quality_bar=entry.quality_bar,
        p95_latency_ms=entry.p95_ms,
        cost_ceiling_usd=entry.cost_ceiling_usd,
        zones=frozenset(entry.zones),
        jurisdictions=frozenset(entry.jurisdictions),
        highest_class=entry.highest_class,
        able=frozenset(entry.able),
    )


def entry_of_workflow(workflow: Workflow) -> dict[str, Any]:
    """The mapping that stands for a workflow in its file: what it says, nothing else."""
    needs, check = workflow.requirements, workflow.check
    usual = Workflow(name=workflow.name, version="")
    values: dict[str, Any] = {
        "description": workflow.description,
        "instructions": workflow.instructions,
        "input_schema": workflow.input_schema,
        "output_schema": workflow.output_schema,
        "labels": _label_values(workflow),
        "requirements": _said(
            {
                "quality_bar": needs.quality_bar,
                "p95_ms": needs.p95_latency_ms,
                "cost_ceiling_usd": needs.cost_ceiling_usd and str(needs.cost_ceiling_usd),
                "zones": sorted(zone.value for zone in needs.zones),
                "jurisdictions": sorted(needs.jurisdictions),
                "highest_class": None
                if needs.highest_class is usual.requirements.highest_class
                else needs.highest_class.word,
                "able": sorted(needs.able),
            }
        ),
        "profile": _profile_values(workflow.profile),
        "impact": None if workflow.impact is usual.impact else workflow.impact.value,
        "owner": workflow.owner,
        "escalation": _said({"models": list(workflow.models), "check": _check_value(check)}),
        "data_class": None if workflow.data_class is None else workflow.data_class.word,
        "tags": sorted(tag.value for tag in workflow.tags),
        "examples": list(workflow.examples),
        "reviewers": list(workflow.reviewers),
        "approval_expiry": None
        if workflow.approval_expiry_s == usual.approval_expiry_s
        else f"{workflow.approval_expiry_s}s",
        "stage": None if workflow.stage is usual.stage else workflow.stage.value,
        "purposes": sorted(purpose.value for purpose in workflow.purposes),
        "knowledge": _knowledge_values(workflow.knowledge),
        "tenants": sorted(workflow.tenants),
    }
    return _said(values)


def _said(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value not in (None, "", [], {})}


def _knowledge_values(knowledge: Knowledge | None) -> dict[str, Any] | None:
    if knowledge is None:
        return None
    return {
        "collections": list(knowledge.collections),
        "mode": knowledge.mode.value,
        "passages": knowledge.passages,
    }


def _label_values(workflow: Workflow) -> list[str] | dict[str, str]:
    if not workflow.label_descriptions:
        return list(workflow.labels)
    return {label: workflow.label_descriptions.get(label, "") for label in workflow.labels}


def _profile_values(profile: TaskProfile | None) -> dict[str, Any] | None:
    if profile is None:
        return None
    usual = TaskProfile()
    values = {name: getattr(profile, name) for name in ProfileEntry.model_fields}
    return {
        name: value.value if isinstance(value, Breadth) else value
        for name, value in values.items()
        if name == "breadth" or value != getattr(usual, name)
    }


def _check_value(check: Check) -> str | dict[str, Any]:
    if check.kind is CheckKind.CONFIDENCE:
        return {"confidence": check.min_confidence}
    if check.kind is CheckKind.NAMED:
        return {"named": check.name}
    return check.kind.value
