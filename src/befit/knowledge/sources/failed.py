"""`SourceFailed`: a source, or one item of it, cannot be had."""

from __future__ import annotations

from befit.errors import BefitError


class SourceFailed(BefitError):
    """A source vanished, refuses or does not answer. What it did not list is not deleted.

    Attributes:
        retry: whether the same may succeed later.
    """

    code = "source_failed"
    status = 502

    def __init__(self, message: str, *, retry: bool, next_step: str | None = None) -> None:
        super().__init__(message, next_step=next_step)
        self.retry = retry
