"""Feedback: what those who asked, or reviewers, say of what the documents gave them.

What a decision was about is kept, sealed, when it is answered: the ledger holds only the hash
of the question, and a click a day later must still become an evaluation case.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import msgspec

from befit.messages import Message
from befit.vocabulary import DataClass

MOST_NOTE_CHARS = 2_000


class Rating(StrEnum):
    """What can be said of an answer or of what a search found."""

    USEFUL = "useful"
    WRONG = "wrong"
    OUTDATED = "outdated"


class ShownPassage(msgspec.Struct, frozen=True, kw_only=True):
    """A passage that was cited or shown, by the names that people know."""

    collection: str
    doc_id: str
    passage_id: str
    version: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AskedQuestion:
    """What one decision was about.

    Attributes:
        principal_id: who asked, whose data this is.
        workflow: None where it was searched, and nothing answered.
        history: the conversation before the question, as far as it was searched by.
        passages: those that the answer cites, or that the search gave.
        behind: ids of all passages that an answer was made from, cited or not.
        is_cited: whether an answer rests on the passages, so that they are taken for relevant.
    """

    tenant: str
    decision_id: str
    principal_id: str
    workflow: str | None
    question: str
    history: tuple[Message, ...] = ()
    passages: tuple[ShownPassage, ...]
    behind: tuple[str, ...] = ()
    is_cited: bool
    data_class: DataClass
    asked_at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Opinion:
    """What somebody said of a decision.

    Attributes:
        about: ids of the passages meant; empty means the answer, or the result, as a whole.
    """

    rating: Rating
    by: str
    at: float
    note: str | None = None
    about: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class RatedQuestion:
    """A question with the newest opinion on what it was given.

    `asked.question` is empty where the key that sealed it was destroyed.
    """

    asked: AskedQuestion
    opinion: Opinion

    @property
    def relevant(self) -> dict[str, int]:
        """The documents that the opinion says are right; none where it says nothing of any."""
        if self.opinion.rating is not Rating.USEFUL:
            return {}
        meant = self.opinion.about
        if not meant and not self.asked.is_cited:
            return {}
        return {
            each.doc_id: 1 for each in self.asked.passages if not meant or each.passage_id in meant
        }


class FeedbackStore(Protocol):
    """Keeps what was asked of documents, and what was said of it."""

    async def keep(self, asked: AskedQuestion) -> None:
        """Keep what a decision was about."""
        ...

    async def asked(self, tenant: str, decision_id: str) -> AskedQuestion | None:
        """What a decision was about; None where it asked no documents, or that has expired."""
        ...

    async def rate(self, asked: AskedQuestion, opinion: Opinion) -> None:
        """Keep an opinion; the newest takes the place of the one before."""
        ...

    async def rated(
        self, tenant: str, *, workflow: str | None, after: str, limit: int
    ) -> Sequence[RatedQuestion]:
        """Rated questions with a decision id above `after`, in order.

        Args:
            tenant: whose they are.
            workflow: those of one workflow alone; None: of all, searches included.
            after: empty for the first page.
            limit: how many at most.
        """
        ...
