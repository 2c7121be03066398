"""`Turn`: what was asked of documents in a conversation, and what they were found to say.

Kept for a client that sends its last question alone. An answer is worth no more than the
passages it rests on: whoever may not read one of them any more is not reminded of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from befit.vocabulary import DataClass

MOST_TURNS = 6
"""Turns kept of one conversation; what lies further back says nothing of the next question."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """One question with its released answer.

    Attributes:
        answer: None where the documents did not say, or it was not released at once.
        passages: the ids of all passages that the answer rests on.
    """

    question: str
    answer: str | None
    passages: tuple[str, ...] = ()
    data_class: DataClass
    at: float


class TurnStore(Protocol):
    """Where the latest turns of each conversation are kept. They are of one principal."""

    async def add(self, tenant: str, principal_id: str, conversation: str, turn: Turn) -> None:
        """Keep a turn; those before the last `MOST_TURNS` are forgotten."""
        ...

    async def latest(self, tenant: str, principal_id: str, conversation: str) -> Sequence[Turn]:
        """The turns of a conversation, latest first; without those whose key is destroyed."""
        ...
