"""`Situation` and `Verdicts`: the whole question put to policy, and its whole answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from befit.catalog import ModelCard
from befit.identity import Principal
from befit.policy.classification import ClassOrigin
from befit.vocabulary import DataClass, Impact, Purpose, Tag, Zone


class Action(StrEnum):
    """What is asked for."""

    INVOKE = "invoke"


@dataclass(frozen=True, kw_only=True, slots=True)
class Situation:
    """One complete question: may this principal's content go to each of these models?

    Hashable as a whole, so that a verdict is reused only for the very same question; cards
    count by name and catalog version, which together name their content.

    Attributes:
        workflow: name, or None where a model was named.
        class_origin: where the class came from; reasons name the setting behind it.
        zones, jurisdictions: what the workflow allows; empty allows all.
    """

    principal: Principal
    action: Action
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """Policy's answer for one candidate.

    Attributes:
        unattended: whether its answer may be released without a person.
        rule_ids: the rules that decided.
        reasons: one sentence a rule, for people; empty when permitted.
    """

    model: str
    permitted: bool
    unattended: bool
    rule_ids: tuple[str, ...]
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdicts:
    """Policy's answer for all candidates, with the hash of the policy that gave it."""

    by_model: Mapping[str, Verdict]
    policy_hash: str

    @property
    def permitted(self) -> tuple[str, ...]:
        """The models that may be called."""
        return tuple(name for name, verdict in self.by_model.items() if verdict.permitted)
