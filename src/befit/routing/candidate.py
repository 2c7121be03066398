"""`Candidate`: one card seen by one request, eligible or not and why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from befit.catalog import ModelCard


class Gate(IntEnum):
    """The hard constraints in the order in which they exclude."""

    POLICY = 1
    CAPABILITY = 2
    CONTEXT = 3
    MEASURED = 4
    BUDGET = 5
    HEALTH = 6


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A card with the reasons that keep it from this request.

    Attributes:
        gate: the first constraint that excluded it; None where it is eligible.
        reasons: one sentence each; empty where it is eligible.
        rules: the policy rules that permitted it, or did not.
    """

    card: ModelCard
    gate: Gate | None = None
    reasons: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()

    @property
    def eligible(self) -> bool:
        """Whether the card may answer this request."""
        return self.gate is None

    @property
    def reason(self) -> str:
        """All reasons in one line."""
        return "; ".join(self.reasons)
