"""`Attempt`: one model's answer, and whether it may go on towards the caller."""

from __future__ import annotations

from dataclasses import dataclass

from befit.messages import ChatCompletion


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """What one step of a route came to.

    Attributes:
        fault: why the next model is asked; None where the answer passed.
    """

    completion: ChatCompletion
    fault: str | None = None
