"""`Evaluation`, and the stores of the catalog: workflow versions and evaluations.

    version = workflow.version                    # sha256:<hex> of its content
    await versions.keep("default", "triage", version, content)
    await evaluations.latest("default", "triage")  # newest row a version

`storage/` implements both protocols.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol


@dataclass(frozen=True, kw_only=True, slots=True)
class Evaluation:
    """What a model was measured at for one version of a workflow.

    Attributes:
        model_version: `card_version` of the card that was measured; a card that has
            changed since carries no evidence from it.
        n: how many cases were scored.
        score: the mean of the metric, 0 to 1.
        lo: the lower end of the score's interval.
        hi: the upper end of the score's interval.
        p95_ms: the 95th percentile of the latency of a whole answer.
        cost_usd_per_1000: the cost of a thousand answers; None is an unknown price.
        cases_sha256: `sha256:<hex>` of the cases that were used.
        metric: how an answer was scored, such as `exact` or `label`.
        at: Unix seconds.
    """

    tenant: str
    workflow: str
    workflow_version: str
    model: str
    model_version: str
    n: int
    score: float
    lo: float
    hi: float
    p95_ms: float
    cost_usd_per_1000: Decimal | None
    cases_sha256: str
    metric: str
    at: float


class WorkflowVersionStore(Protocol):
    """Keeps each version of a workflow that was ever loaded, by content hash."""

    async def keep(self, tenant: str, name: str, version: str, content: str) -> None:
        """Keep `content` under its version; a version that is there stays as it is."""
        ...

    async def get(self, tenant: str, name: str, version: str) -> str | None:
        """The content of one version, or None where it was never kept."""
        ...


class EvaluationStore(Protocol):
    """Keeps what models were measured at, so that routing can use it."""

    async def add(self, evaluation: Evaluation) -> None:
        """Add one measurement; earlier ones stay."""
        ...

    async def latest(self, tenant: str, workflow: str) -> tuple[Evaluation, ...]:
        """The newest measurement of each version of each model for each version of a workflow.

        Ordered by model name, then time. The caller compares `workflow_version` and
        `model_version` before it relies on a row: a model that is rolled back has the
        evidence that it had.
        """
        ...
