"""`Retriever`: one search, from a question to hits.

    question = Question.of("And in South America?", history)
    vectors = ...  # of question.texts, embedded under a permit
    found = retriever.search(question, vectors, reach, limit=5, admit=still_allowed)

The caller embeds, because every model call needs a permit, and opens the text, because it
is sealed. Blocking: call it from a worker thread.
"""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass, replace

import numpy as np

from befit.knowledge.index import PassageRef, Reach, SearchIndex, words_of
from befit.knowledge.index.passage import Vector
from befit.knowledge.retrieval.candidates import EACH_LEG, Admit, Legs, gather
from befit.knowledge.retrieval.fusion import FusionWeights
from befit.knowledge.retrieval.question import Question
from befit.knowledge.retrieval.signals import signals_of
from befit.knowledge.retrieval.support import Support


@dataclass(frozen=True, kw_only=True, slots=True)
class Hit:
    """A passage found. `score` compares hits of one search and no others."""

    ref: PassageRef
    score: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Retrieved:
    """What one search found.

    Attributes:
        hits: best first, at most as many as asked for.
        support: how strongly the documents speak to the question.
        words: the question's words, to highlight in a hit's text by `spans_of`.
        epoch: the commit that was searched.
        is_all: larger legs would find nothing more.
    """

    hits: tuple[Hit, ...]
    support: Support
    words: frozenset[str]
    epoch: int
    is_all: bool


class Retriever:
    """Searches one tenant's index.

    Args:
        index: what is searched.
        weights: how the legs are joined.
        aside: a thread for the leg of words, which then runs beside the leg of meaning.
    """

    def __init__(
        self, index: SearchIndex, weights: FusionWeights, *, aside: Executor | None = None
    ) -> None:
        self._index = index
        self._weights = weights
        self._aside = aside

    def search(
        self,
        question: Question,
        embedded: Vector,
        reach: Reach,
        *,
        limit: int,
        admit: Admit | None = None,
        each_leg: int = EACH_LEG,
    ) -> Retrieved:
        """The best passages within `reach` that `admit` lets through.

        Both legs bring far more passages than are asked for, so where some are not let
        through, because a right was revoked while the search ran, others take their place.

        Args:
            question: what is asked, and the conversation before it.
            embedded: a unit vector for each of `question.texts`.
            reach: what the reader may find, resolved for this search.
            limit: how many hits at most.
            admit: the second check of each passage found, against the rights as they are
                then; None where `reach` was resolved in the same transaction.
            each_leg: how many passages each leg brings; more only where `admit` let too few
                through, for the order was fitted with as many as there are by default.

        Raises:
            IndexDamaged: the index cannot be read.
            ValueError: vectors of another number or size than the question and index need.
        """
        snapshot = self._index.snapshot()
        words = question.words(self._weights.query)
        vector = question.vector(embedded, self._weights.query)
        legs = Legs(each=each_leg, aside=self._aside)
        candidates = gather(snapshot, words, vector, reach, admit=admit, legs=legs)
        found = Retrieved(
            hits=(),
            support=Support(),
            words=frozenset(words_of(words)),
            epoch=snapshot.epoch,
            is_all=candidates.is_all,
        )
        if not len(candidates):
            return found
        signals = signals_of(candidates)
        scores = self._weights.scores(signals)
        order = np.lexsort((candidates.rows, -scores))[:limit]
        places: list[int] = order.tolist()
        hits = tuple(Hit(ref=candidates.refs[at], score=float(scores[at])) for at in places)
        return replace(found, hits=hits, support=Support.of(candidates, signals, scores))
