"""`Workflow`: a named business task as `workflows/NAME.yaml` declares it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any

from befit.catalog.stage import Stage
from befit.vocabulary import DataClass, Impact, Purpose, Tag, Zone

PERSON = "person"
"""The last step of a route that ends at a person."""


class CheckKind(StrEnum):
    """How an answer is checked before it may be released."""

    NONE = "none"
    SCHEMA = "schema"  # valid JSON that fits the output schema
    LABEL = "label"  # one of the workflow's labels
    CONFIDENCE = "confidence"  # a label whose probability reaches `min_confidence`
    NAMED = "named"  # a check registered under `name` (entry point befit.checks)


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """The check of a workflow's answers."""

    kind: CheckKind = CheckKind.NONE
    min_confidence: float | None = None
    name: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Requirements:
    """What a workflow asks of any model that serves it. None asks nothing.

    Attributes:
        quality_bar: the least score (0 to 1) a model must have been measured at.
        cost_ceiling_usd: the most one run may cost; a money budget.
        zones: allowed zones; empty allows all that policy allows.
        jurisdictions: allowed jurisdictions; empty allows all.
        highest_class: requests above this class are refused.
        able: what a model must be declared or measured able to do, such as `plan`.
    """

    quality_bar: float | None = None
    p95_latency_ms: int | None = None
    cost_ceiling_usd: Decimal | None = None
    zones: frozenset[Zone] = frozenset()
    jurisdictions: frozenset[str] = frozenset()
    highest_class: DataClass = DataClass.RESTRICTED
    able: frozenset[str] = frozenset()


class AnswerMode(StrEnum):
    """How an answer is made from documents."""

    QUOTE = "quote"  # their own sentences, chosen by an embedder on this machine
    WRITE = "write"  # a model's words, each sentence checked against what it cites


@dataclass(frozen=True, kw_only=True, slots=True)
class Knowledge:
    """The documents that a workflow answers from.

    Attributes:
        collections: the ones it uses; empty where the request names one.
        passages: how many of the best passages an answer is made from.
    """

    collections: tuple[str, ...] = ()
    mode: AnswerMode = AnswerMode.QUOTE
    passages: int = 5


class Breadth(StrEnum):
    """Whether a task is narrow (classify, extract) or broad (plan, synthesise)."""

    NARROW = "narrow"
    BROAD = "broad"


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskProfile:
    """The task's nature; decides between small and large when nothing is measured."""

    breadth: Breadth = Breadth.NARROW
    frequent: bool = False
    latency_sensitive: bool = False
    cost_sensitive: bool = False
    privacy_sensitive: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Workflow:
    """One loaded version of a workflow.

    Attributes:
        version: `sha256:` of what the definition says, but for `stage` and `tenants`.
        models: model names in the order of escalation; may end with `person`.
            Empty leaves the order to the router, over all eligible cards.
        profile: None where the file declares none; routing then derives one.
        labels: the closed set of answers of a classification workflow.
        examples: a few inputs that `auto` matches requests against, by meaning.
        data_class: the least class its content has; the caller may only raise it.
        reviewers: who may decide on its pending answers; empty means administrators.
        stage: only an approved workflow serves; a proposed one may be evaluated.
        purposes: what its data may be used for; empty means anything.
        knowledge: the documents that it answers from; None where it uses none.
        tenants: whose it is; empty means every tenant's.
        awaits_activation: its file says approved, but nobody entitled has activated what it
            says now; until then its stage is `proposed`.
        approval_expiry_s: how long a pending answer waits before it expires.
    """

    name: str
    version: str
    description: str = ""
    instructions: str = ""
    input_schema: Mapping[str, Any] | None = None
    output_schema: Mapping[str, Any] | None = None
    labels: tuple[str, ...] = ()
    label_descriptions: Mapping[str, str] = field(default_factory=dict[str, str])
    requirements: Requirements = field(default_factory=Requirements)
    profile: TaskProfile | None = None
    impact: Impact = Impact.LOW
    owner: str = ""
    models: tuple[str, ...] = ()
    check: Check = field(default_factory=Check)
    data_class: DataClass | None = None
    tags: frozenset[Tag] = frozenset()
    examples: tuple[str, ...] = ()
    reviewers: tuple[str, ...] = ()
    approval_expiry_s: int = 7 * 24 * 3600
    stage: Stage = Stage.APPROVED
    purposes: frozenset[Purpose] = frozenset()
    knowledge: Knowledge | None = None
    tenants: frozenset[str] = frozenset()
    awaits_activation: bool = False

    @property
    def ends_at_person(self) -> bool:
        """True where a person is the last resort of its route."""
        return bool(self.models) and self.models[-1] == PERSON

    @property
    def model_order(self) -> tuple[str, ...]:
        """The declared models without the person at the end."""
        return tuple(name for name in self.models if name != PERSON)
