"""Sealing texts for a column: encrypted under their subject's key, bound to their row."""

from __future__ import annotations

from dataclasses import dataclass

from befit.audit import KeyDestroyedError, Sealer
from befit.errors import WorkspaceError
from befit.vocabulary import DataClass


@dataclass(frozen=True, kw_only=True, slots=True)
class TextOwner:
    """Whose a text is, and of which class; None where that was never known.

    A text without a subject is the tenant's own: no person's erasure takes it away.
    """

    tenant: str
    subject: str | None
    data_class: DataClass | None


class SealedText:
    """Seals the texts of one kind of row.

    A box opens only for the row and column it was made for, so rows whose boxes were
    swapped in the database do not open.
    """

    def __init__(self, sealer: Sealer, kind: str) -> None:
        self._sealer = sealer
        self._kind = kind

    def seal(self, owner: TextOwner, place: str, text: str | None) -> bytes | None:
        """The box of a text; None stays None. `place` names the row and column.

        A new key is written and synced first: call it off the event loop.

        Raises:
            WorkspaceError: a new key could not be kept.
        """
        if text is None:
            return None
        try:
            return self._sealer.seal(
                owner.tenant,
                f"{self._kind}:{place}",
                text.encode(),
                subject=owner.subject,
                data_class=owner.data_class,
            )
        except OSError as error:
            raise WorkspaceError(
                f"a new key in .befit/keys cannot be kept: {error.strerror}",
                next_step="free space on the disk, or check it",
            ) from None

    def open(self, tenant: str, place: str, box: bytes | None) -> str | None:
        """The text of a box; None where there is none or its key has been destroyed.

        An empty box is one that was erased. Keys are read from their files, under locks:
        call it off the event loop.
        """
        if not box:
            return None
        try:
            return self._sealer.open(tenant, f"{self._kind}:{place}", box).decode()
        except KeyDestroyedError:
            return None
