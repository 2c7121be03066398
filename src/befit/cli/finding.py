"""`Finding`: one thing that `befit doctor` looked at, and what to do about it."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class State(StrEnum):
    """How a finding stands."""

    OK = "ok"
    NOTE = "note"
    PROBLEM = "problem"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at."""

    subject: str
    state: State
    detail: str
    next_step: str | None = None
