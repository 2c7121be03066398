"""`Stage`: where a model or a workflow stands in its life."""

from __future__ import annotations

from enum import StrEnum


class Stage(StrEnum):
    """A place in a life; only what is approved serves, what is proposed may be evaluated."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    RETIRED = "retired"
