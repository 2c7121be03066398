"""Sealing texts for a column: encrypted under the tenant's key, bound to their row."""

from __future__ import annotations

from befit.audit import KeyDestroyedError, Sealer


class SealedText:
    """Seals the texts of one kind of row.

    A box opens only for the row and column it was made for, so rows whose boxes were
    swapped in the database do not open.
    """

    def __init__(self, sealer: Sealer, kind: str) -> None:
        self._sealer = sealer
        self._kind = kind

    def seal(self, tenant: str, place: str, text: str | None) -> bytes | None:
        """The box of a text; None stays None. `place` names the row and column."""
        if text is None:
            return None
        return self._sealer.seal(tenant, f"{self._kind}:{place}", text.encode())

    def open(self, tenant: str, place: str, box: bytes | None) -> str | None:
        """The text of a box; None where there is none or its key has been destroyed."""
        if box is None:
            return None
        try:
            return self._sealer.open(tenant, f"{self._kind}:{place}", box).decode()
        except KeyDestroyedError:
            return None
