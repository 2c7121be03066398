"""`Outcome`: what one model made of one case."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum


class OutcomeStatus(StrEnum):
    """How a call ended."""

    ANSWERED = "answered"
    ABSTAINED = "abstained"  # the model said that the case is out of its scope
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """One model's answer to one case.

    Attributes:
        output: the answer's text; empty where it abstained or failed.
        cost_usd: None is an unknown price.
        confidence: the probability the model gave its answer, where it states one.
        error: what failed, where it did.
    """

    status: OutcomeStatus
    output: str = ""
    latency_ms: float
    cost_usd: Decimal | None = None
    confidence: float | None = None
    error: str | None = None
