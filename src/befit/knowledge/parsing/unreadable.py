"""`Unreadable`: why a file was not read."""

from __future__ import annotations

from befit.errors import BefitError


class Unreadable(BefitError):
    """A file cannot be read: encrypted, damaged, too large, hostile, or of no known kind.

    Attributes:
        reason: without the file's name, such as `it is encrypted`.
        name: of the file; empty where only the caller knows it.
    """

    code = "unreadable"
    status = 422

    def __init__(self, reason: str, name: str = "", *, next_step: str | None = None) -> None:
        super().__init__(f"{name}: {reason}" if name else reason, next_step=next_step)
        self.reason = reason
        self.name = name
