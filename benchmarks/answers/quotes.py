"""What quoting does in each situation, and the figures of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from befit.knowledge.answers import Quotation, QuotingModel, quote
from befit.knowledge.index import Vector
from benchmarks.answers.figures import Figure, balanced, share
from benchmarks.answers.situations import Situation

_MOST_CITED = 3


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Scored:
    """What came of a situation."""

    situation: Situation
    quotation: Quotation

    @property
    def is_right(self) -> bool:
        """Whether it answered exactly where the documents say."""
        return self.quotation.found == self.situation.is_answered

    @property
    def cites_gold(self) -> bool:
        """Whether a passage that says the answer is cited, and no more than three are."""
        cited = {each.passage_id for each in self.quotation.citations}
        return len(cited) <= _MOST_CITED and bool(cited & self.situation.asked.gold)

    @property
    def is_valid(self) -> bool:
        """Whether each citation is what stands there, and its place in the answer is that."""
        texts = {each.passage_id: each.text for each in self.situation.found.passages}
        answer = self.quotation.text
        return all(
            texts[each.passage_id][each.start : each.end] == each.text == answer[start:end]
            for each, (start, end) in zip(
                self.quotation.citations, self.quotation.places, strict=True
            )
        )


def scored(situation: Situation, model: QuotingModel, vectors: dict[str, Vector]) -> Scored:
    """Answer in a situation, with a model that was fitted without its conversation."""
    question = situation.asked.question
    texts = [each.reads for each in situation.sentences]
    quotation = quote(
        question,
        situation.found,
        situation.sentences,
        question_vectors=np.array([vectors[text] for text in question.texts]),
        sentence_vectors=np.array([vectors[text] for text in texts]),
        model=model,
    )
    return Scored(situation=situation, quotation=quotation)


def quote_figures(results: Sequence[Scored]) -> Iterator[Figure]:
    """All figures of quoting."""
    own = [each for each in results if each.situation.kind == "own"]
    answered = [each.is_right for each in own if each.situation.is_answered]
    unanswered = [each.is_right for each in own if not each.situation.is_answered]
    yield balanced("rag_mtrag, balanced accuracy", answered, unanswered, bar=0.78)
    yield share("  answered where the documents say", answered)
    yield share("  not in the documents where they do not", unanswered)
    given = [each for each in own if each.situation.is_answered and each.quotation.found]
    yield share("  gold among at most 3 cited, of those", [e.cites_gold for e in given], bar=0.90)
    removed = [
        each.is_right
        for each in results
        if each.situation.kind == "removed" and each.situation.asked.is_answered
    ]
    yield share("  gold taken away: not in the documents", removed, bar=0.75)
    every = [each for each in results if each.quotation.found]
    yield share("  citations valid, all situations", [e.is_valid for e in every], bar=1.0)
    for kind, name in (
        ("off subject", "  asked of another collection: not in"),
        ("papers", "rag_cranfield, on the subject: answered"),
        ("papers off subject", "  rag_mtrag there, or the reverse: not in"),
    ):
        yield share(name, [each.is_right for each in results if each.situation.kind == kind])
    yield from _small_figures([e for e in results if e.situation.kind.startswith("small")])


def _small_figures(results: Sequence[Scored]) -> Iterator[Figure]:
    for low, high in ((1, 4), (5, 10), (11, 49), (50, 100)):
        its = [each for each in results if low <= each.situation.size <= high]
        answered = [each.is_right for each in its if each.situation.is_answered]
        unanswered = [each.is_right for each in its if not each.situation.is_answered]
        yield balanced(f"{low} to {high} passages, balanced accuracy", answered, unanswered)
