"""The hard constraints after policy: capability, context, budget, health."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from befit.catalog import Capability, ModelCard
from befit.routing.candidate import Gate

_BYTES_A_TOKEN = 4
"""English text averages about four bytes a token; used to refuse only what clearly cannot fit."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Needs:
    """What a request needs of any model.

    Attributes:
        serves: any one of these lets a model answer at all.
        capabilities: all of these are needed beside it.
        input_bytes: size of everything the model will read.
    """

    serves: frozenset[Capability]
    capabilities: frozenset[Capability] = frozenset()
    input_bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What is left to spend, and who is well.

    Attributes:
        cost_ceiling_usd: the most one run may cost; None without a money limit.
        most_cost_usd: the most one call of a card can cost; None where its price is unknown.
        under_budget: whether any money budget applies, so that a price must be known.
        ill_reason: why a card is not healthy, or None.
    """

    cost_ceiling_usd: Decimal | None
    under_budget: bool
    most_cost_usd: Callable[[ModelCard], Decimal | None]
    ill_reason: Callable[[str], str | None]


def exclude(card: ModelCard, needs: Needs, limits: Limits) -> tuple[Gate, str] | None:
    """The first hard constraint that keeps the card out, with its reason; None when none does."""
    if not needs.serves & card.capabilities:
        return Gate.CAPABILITY, f"it cannot do {' or '.join(sorted(needs.serves))}"
    missing = needs.capabilities - card.capabilities
    if missing:
        words = ", ".join(sorted(missing))
        return Gate.CAPABILITY, f"it cannot do {words}"
    # A specialist reads texts of any length: the embedder their beginning, the n-grams all.
    if card.context_window is not None and card.specialist is None:
        tokens = needs.input_bytes // _BYTES_A_TOKEN
        if tokens > card.context_window:
            return (
                Gate.CONTEXT,
                f"about {tokens:,} tokens exceed its context window of {card.context_window:,}",
            )
    money = _exceeds_money(card, limits)
    if money is not None:
        return Gate.BUDGET, money
    ill = limits.ill_reason(card.name)
    return (Gate.HEALTH, ill) if ill else None


def _exceeds_money(card: ModelCard, limits: Limits) -> str | None:
    if not limits.under_budget:
        return None
    most_usd = limits.most_cost_usd(card)
    if most_usd is None:
        return "its price is unknown, and a money budget applies"
    ceiling = limits.cost_ceiling_usd
    if ceiling is not None and most_usd > ceiling:
        return f"a call can cost {most_usd:.6f} USD, above the ceiling of {ceiling} USD a run"
    return None
