"""Where fingerprints of released texts are kept. `storage/` implements it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from befit.knowledge.released.carries import Carries
from befit.vocabulary import DataClass


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptPrints:
    """Fingerprints that were released together and carry the same.

    Attributes:
        words: how many words each is of.
        prints: eight bytes each, little-endian.
        seq: its place among all that was kept; 0 before it is.
    """

    tenant: str
    carries: Carries
    words: int
    prints: bytes
    seq: int = 0


class ReleasedStore(Protocol):
    """Fingerprints in the order in which they were kept, and each tenant's secret."""

    async def secret(self, tenant: str) -> bytes:
        """The tenant's secret, drawn when first asked for."""
        ...

    async def add(self, kept: Sequence[KeptPrints]) -> int:
        """Keep them durably in one transaction; the place of the last."""
        ...

    async def after(
        self, seq: int, *, limit: int, tenant: str | None = None
    ) -> Sequence[KeptPrints]:
        """What was kept after a place, of one tenant or all, in order."""
        ...

    async def forget(self, tenant: str, *, up_to: DataClass, keep: int) -> None:
        """Forget the oldest of a class up to `up_to` until the tenant has `keep` fingerprints
        or none of such a class.
        """
        ...
