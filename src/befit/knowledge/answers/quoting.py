"""`quote`: the documents' own sentences as the answer, or that they do not say.

sentences = candidate_sentences(found)
vectors = ...  # of [each.reads for each in sentences], embedded under a permit
quotation = quote(
    question, found, sentences, question_vectors=asked, sentence_vectors=vectors,
    model=packaged_quoting(),
)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from befit.knowledge.answers.composing import composed
from befit.knowledge.answers.evidence import Evidence, Floats
from befit.knowledge.answers.model import QuotingModel
from befit.knowledge.answers.quotation import NOT_IN_DOCUMENTS, Quotation
from befit.knowledge.answers.sentence import Sentence
from befit.knowledge.index.passage import Vector
from befit.knowledge.retrieval import Question
from befit.knowledge.search.found import Found

MOST_PASSAGES = 3

_FITNESS_SHARE = 3.0
"""How much the best sentence of a passage counts beside the passage's own score."""

_BEHIND = 1.5
"""A passage that falls behind the best by more is not quoted."""


def quote(
    question: Question,
    found: Found,
    sentences: Sequence[Sentence],
    *,
    question_vectors: Vector,
    sentence_vectors: Vector,
    model: QuotingModel,
) -> Quotation:
    """Answer by quoting at most three passages, or say that the documents do not say.

    Args:
        question: what is asked, and the conversation before it.
        found: what the search gave.
        sentences: its `candidate_sentences`.
        question_vectors: a unit vector for each of `question.texts`, as for the search.
        sentence_vectors: a unit vector for each of `sentences`, of what it `reads`.
        model: decides whether they say.

    Raises:
        ValueError: there are not as many vectors as texts.
    """
    if not sentences:
        return Quotation(found=False, probability=0.0, text=NOT_IN_DOCUMENTS)
    evidence = Evidence.of(
        question,
        found,
        sentences,
        question_vectors=question_vectors,
        sentence_vectors=sentence_vectors,
        query=model.query,
    )
    chosen = chosen_passages(evidence)
    if not chosen:
        return Quotation(found=False, probability=0.0, text=NOT_IN_DOCUMENTS)
    considered = max(found.support.considered, len(found.passages))
    probability, is_enough = model.decide(evidence.features, considered=considered)
    if not is_enough:
        return Quotation(found=False, probability=probability, text=NOT_IN_DOCUMENTS)
    return composed(evidence, chosen, probability)


def chosen_passages(evidence: Evidence) -> list[int]:
    """The passages to quote, best first: those that the search and their sentences speak for.

    None where all that may be quoted fall behind what is about something else.
    """
    every = _worth(evidence, evidence.fitness)
    kept = _worth(evidence, evidence.kept_fitness)
    least = max(every.values()) - _BEHIND
    ranked = sorted(kept, key=lambda at: -kept[at])[:MOST_PASSAGES]
    return [at for at in ranked if kept[at] >= least]


def _worth(evidence: Evidence, fitness: Floats) -> dict[int, float]:
    """What each passage with a sentence that may be quoted is worth."""
    best = dict[int, float]()
    for sentence, fit in zip(evidence.sentences, fitness.tolist(), strict=True):
        best[sentence.passage] = max(fit, best.get(sentence.passage, -np.inf))
    passages = evidence.found.passages
    return {
        at: passages[at].score + _FITNESS_SHARE * fit
        for at, fit in best.items()
        if np.isfinite(fit)
    }
