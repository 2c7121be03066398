"""What was used: rows of calls and decisions, grouped by workflow, model, key and day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from befit.messages import TokenUsage
from befit.metering.reference import CallCosts, Reference, Saving
from befit.vocabulary import DEFAULT_TENANT


class Dimension(StrEnum):
    """What usage can be grouped by; days are UTC."""

    WORKFLOW = "workflow"
    MODEL = "model"
    KEY = "key"
    DAY = "day"


@dataclass(frozen=True, kw_only=True, slots=True)
class UsageQuery:
    """Which usage is asked for.

    Attributes:
        by: the dimensions of a row; empty makes one row of everything.
        since: first Unix second; None begins with the first call.
        until: one past the last Unix second; None ends with the last call.
        key_id: only calls of this key; None means all.
        workflows: only what was asked of these; None means all.
        reference: the model to compare costs with, when savings are wanted.
    """

    tenant: str = DEFAULT_TENANT
    by: frozenset[Dimension] = frozenset()
    since: float | None = None
    until: float | None = None
    key_id: str | None = None
    workflows: frozenset[str] | None = None
    reference: Reference | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class UsageGroup:
    """The values a row is grouped by; None where not grouped by, or where there is none."""

    workflow: str | None = None
    model: str | None = None
    key_id: str | None = None
    day: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Spread:
    """Median and 95th percentile (nearest rank) of n durations; None of nothing."""

    n: int = 0
    p50_ms: float | None = None
    p95_ms: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class UsageRow:
    """The usage of one group.

    Attributes:
        decisions: how many were opened.
        calls: model calls that were settled; a row of a bulk call counts as one.
        tokens: of all calls, by class.
        answers: first answering calls, one a decision: what another model would have had
            to answer; a failed one counts, escalations and fallbacks do not.
        answer_tokens: tokens of those answering calls.
        answering_cost_usd: the cost of all calls but those of evaluation, training and
            probes; None where one of them has no known price.
        known_cost_usd: the cost of the calls whose price is known.
        unknown_costs: how many calls have no known price.
        latency: of single calls.
        overhead: Befit's own time in a decision.
    """

    group: UsageGroup = field(default_factory=UsageGroup)
    decisions: int = 0
    calls: int = 0
    tokens: TokenUsage = field(default_factory=TokenUsage)
    answers: int = 0
    answer_tokens: TokenUsage = field(default_factory=TokenUsage)
    answering_cost_usd: Decimal | None = Decimal(0)
    known_cost_usd: Decimal = Decimal(0)
    unknown_costs: int = 0
    latency: Spread = field(default_factory=Spread)
    overhead: Spread = field(default_factory=Spread)
    saving: Saving | None = None

    @property
    def cost_usd(self) -> Decimal | None:
        """The cost of all calls, or None where one of them has no known price."""
        return None if self.unknown_costs else self.known_cost_usd


@dataclass(frozen=True, kw_only=True, slots=True)
class CallRow:
    """One reserved and settled pair. Times are Unix seconds.

    Attributes:
        most_usd: what was reserved; None where no bound was known and no budget bound.
        outcome: ok, failed, cut, unsettled_at_crash; None while unsettled.
        rows: how many rows a bulk call answered; None for a single call.
    """

    permit_id: str
    decision_id: str
    step: str
    at: float
    purpose: str
    model: str
    zone: str
    workflow: str | None
    key_id: str | None
    evidence: str | None
    most_usd: Decimal | None
    outcome: str | None
    error: str | None
    tokens: TokenUsage
    cost_usd: Decimal | None
    latency_ms: float | None
    first_token_ms: float | None
    rows: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class DecisionRow:
    """One decision as a list shows it. Times are Unix seconds.

    Attributes:
        status: `open`, `pending_person`, or what it was closed with.
    """

    decision_id: str
    kind: str | None
    source: str | None
    principal_id: str | None
    key_id: str | None
    opened_at: float
    closed_at: float | None
    status: str
    workflow: str | None
    workflow_version: str | None
    model: str | None
    zone: str | None
    evidence: str | None
    data_class: str | None
    approval_id: str | None
    resolution: str | None
    error_code: str | None
    tokens: TokenUsage
    cost_usd: Decimal | None
    latency_ms: float | None
    overhead_ms: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Reach:
    """Whose decisions may be read: a principal's own, and everybody's of some workflows."""

    principal_id: str
    workflows: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True, slots=True)
class DecisionPage:
    """Which decisions to list, newest first; what is None restricts nothing.

    Attributes:
        before: the last id of the page before.
        status: only those that stand so.
        model: only those that called it, whoever answered in the end.
        data_class: the word of a class.
        since: first Unix second of opening; `until` is one past the last.
        principal_ids: who asked, any of these.
        key_id: the API key they asked with.
        denied: only those that policy has refused.
        reach: only those that whoever asks may read.
    """

    tenant: str = DEFAULT_TENANT
    limit: int = 50
    before: str | None = None
    status: str | None = None
    workflow: str | None = None
    model: str | None = None
    data_class: str | None = None
    since: float | None = None
    until: float | None = None
    principal_ids: tuple[str, ...] | None = None
    key_id: str | None = None
    denied: bool = False
    reach: Reach | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class LastUse:
    """When each model was last called, and each workflow last run, in Unix seconds.

    What was never used is absent.
    """

    models: Mapping[str, float]
    workflows: Mapping[str, float]


class UsageStore(Protocol):
    """Answers from the ledger's projection."""

    async def usage(self, query: UsageQuery) -> tuple[UsageRow, ...]:
        """One row a group, ordered by its values; `saving` is not yet set."""
        ...

    async def costs_of(self, model: str, query: UsageQuery) -> tuple[CallCosts, ...]:
        """What answers of `model` cost in the query's period, one entry a workflow."""
        ...

    async def decisions(self, page: DecisionPage) -> tuple[DecisionRow, ...]:
        """Decisions, newest first."""
        ...

    async def calls_of(self, tenant: str, decision_id: str) -> tuple[CallRow, ...]:
        """A decision's calls in the order they were reserved."""
        ...

    async def last_use(self, tenant: str) -> LastUse:
        """When each model was last called, and each workflow last run."""
        ...

    async def spent_usd(self, tenant: str, scope: str, *, since: float, until: float) -> Decimal:
        """What the scope's calls of a period cost; see `Spending`."""
        ...
