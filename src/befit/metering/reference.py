"""`Reference` and `Saving`: what costs are compared with, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from befit.catalog import ModelCard


class Basis(StrEnum):
    """Where a reference's cost comes from."""

    RUN = "run"
    ASSUMED = "assumed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Reference:
    """The model to compare with.

    Attributes:
        card: its card; an assumed reference needs its price.
        basis: assumed unless its own calls of the period shall decide.
    """

    card: ModelCard
    basis: Basis = Basis.ASSUMED


@dataclass(frozen=True, kw_only=True, slots=True)
class CallCosts:
    """What a model's answers cost: n of known price and their mean.

    `deviation_usd` is the standard deviation; None where a bulk call tells only its sum.
    """

    workflow: str | None
    n: int
    mean_usd: float
    deviation_usd: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Saving:
    """A saving against a reference.

    Attributes:
        saved_usd: negative where the reference would have been cheaper; None is unknown.
        n: answers of the reference that were measured (run), or answers whose tokens were
            priced (assumed).
        interval_usd: 95% interval of `saved_usd` (Student's t over the reference's
            calls); None for an assumed reference, which is no estimate, where n < 2, and
            where single costs are not known.
        reason: why `saved_usd` is unknown.
    """

    reference: str
    basis: Basis
    saved_usd: Decimal | None
    n: int
    interval_usd: tuple[Decimal, Decimal] | None = None
    reason: str | None = None
