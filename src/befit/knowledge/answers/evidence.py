"""`Evidence`: how well found sentences speak to a question, each and all together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from befit.knowledge.answers.function_words import content_words
from befit.knowledge.answers.rivals import sentences_about
from befit.knowledge.answers.sentence import Sentence
from befit.knowledge.index.passage import Vector
from befit.knowledge.retrieval import QueryWeights, Question
from befit.knowledge.search.found import Found

Floats = NDArray[np.float64]

_ENOUGH_WORDS = 2

SUPPORT = (
    "nearest",
    "nearest_mean",
    "nearest_gap",
    "covered",
    "covered_mean",
    "lead_ten",
    "standing",
)
"""The features that are read off `Support` as they are."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Evidence:
    """What a decision to answer and the choice of sentences are made from.

    Attributes:
        alone: the cosine of each sentence with the question by itself.
        joint: with the question and the conversation before it.
        worded: the share of the question's content words in each sentence.
        worded_all: the share that all passages together hold.
        repeats: the cosine of the question with the one before; 0 where there is none. Who
            asks nearly the same again was not answered, and `joint` counts it twice.
        kept: which sentences are not about another than what is asked about.
    """

    found: Found
    sentences: Sequence[Sentence]
    alone: Floats
    joint: Floats
    worded: Floats
    worded_all: float
    repeats: float
    kept: NDArray[np.bool_]

    @classmethod
    def of(
        cls,
        question: Question,
        found: Found,
        sentences: Sequence[Sentence],
        *,
        question_vectors: Vector,
        sentence_vectors: Vector,
        query: QueryWeights,
    ) -> Evidence:
        """Compare at least one sentence with the question.

        Raises:
            ValueError: there are not as many vectors as texts.
        """
        if len(sentence_vectors) != len(sentences):
            raise ValueError(f"{len(sentence_vectors)} vectors for {len(sentences)} sentences")
        asked = _asked(question)
        held = frozenset[str]().union(*(content_words(each.text) for each in found.passages))
        alone = (sentence_vectors @ question_vectors[0]).astype(np.float64)
        joint = (sentence_vectors @ question.vector(question_vectors, query)).astype(np.float64)
        worded = np.array([_share(asked, _words(found, each)) for each in sentences])
        fitness = _fitness(alone, joint, worded)
        return cls(
            found=found,
            sentences=sentences,
            alone=alone,
            joint=joint,
            worded=worded,
            kept=sentences_about(question, found, sentences, fitness),
            worded_all=_share(asked, held),
            repeats=_repeats(question, question_vectors),
        )

    @property
    def features(self) -> dict[str, float]:
        """All of it by name, for a model to weigh; of at least one kept sentence."""
        support = {name: float(getattr(self.found.support, name)) for name in SUPPORT}
        scores = [each.score for each in self.found.passages]
        alone, joint, worded = (each[self.kept] for each in (self.alone, self.joint, self.worded))
        return support | {
            "alone": float(alone.max()),
            "joint": float(joint.max()),
            "joint_gap": float(joint.max() - self.joint.mean()),
            "worded": float(worded.max()),
            "joint_worded": float((joint + worded).max()),
            "worded_all": self.worded_all,
            "repeats": self.repeats,
            "spread": scores[0] - scores[-1],
        }

    @property
    def fitness(self) -> Floats:
        """How well each sentence would do as an answer; compares sentences of one question."""
        return _fitness(self.alone, self.joint, self.worded)

    @property
    def kept_fitness(self) -> Floats:
        """The same, with minus infinity for those that may not be quoted."""
        return np.where(self.kept, self.fitness, -np.inf)


def _fitness(alone: Floats, joint: Floats, worded: Floats) -> Floats:
    return alone + joint + 0.5 * worded


def _asked(question: Question) -> frozenset[str]:
    """What is asked about; "And for how long?" alone is about nothing."""
    asked = content_words(question.text)
    for earlier in question.earlier:
        if len(asked) >= _ENOUGH_WORDS:
            break
        asked |= content_words(earlier)
    return asked


def _words(found: Found, sentence: Sentence) -> frozenset[str]:
    """What a sentence speaks of, with what it stands under."""
    return content_words(f"{found.passages[sentence.passage].title}\n{sentence.reads}")


def _repeats(question: Question, vectors: Vector) -> float:
    return float(vectors[0] @ vectors[1]) if question.earlier else 0.0


def _share(asked: frozenset[str], held: frozenset[str]) -> float:
    return len(asked & held) / max(1, len(asked))
