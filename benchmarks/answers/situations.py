"""Questions put to collections of every size, with and without what answers them.

Each question is searched by a ranking that was fitted without it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from befit.inference.embedded.embedder import DIMENSIONS
from befit.knowledge.answers import Sentence, candidate_sentences
from befit.knowledge.answers.evidence import Evidence
from befit.knowledge.index import (
    Changes,
    EmbeddedIndex,
    EmbeddedWriter,
    Passage,
    PassageRef,
    Reach,
    SearchIndex,
    Vector,
    spans_of,
    titled,
)
from befit.knowledge.retrieval import FusionWeights, QueryWeights, Retriever
from befit.knowledge.search import Found, FoundPassage
from befit.vocabulary import DataClass
from benchmarks.answers.questions import Asked, Text
from benchmarks.retrieval.collections import ABSTRACTS, kept_vectors

PASSAGES = 5
"""What the product gives to quoting."""

_SIZES = (1, 2, 3, 4, 5, 7, 10, 15, 25, 40, 80)
_DRAWS = 3
_ON_ONE_SUBJECT = 0.5
_NOISE = 0.1  # on the cosines by which a small collection on one subject is drawn
_SEED = 5


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Situation:
    """A question put to a collection.

    Attributes:
        kind: `own`, `removed` (what answers is taken away), `small` (a few passages with what
            answers), `small removed`, `small unanswered`, `off subject`, `papers`,
            `papers off subject`.
        is_answered: whether the documents say.
    """

    kind: str
    asked: Asked
    is_answered: bool
    size: int
    found: Found
    sentences: tuple[Sentence, ...]


class World:
    """Both data sets, with an index of each collection and a ranking for each fold."""

    def __init__(
        self,
        texts: Sequence[Text],
        asked: Sequence[Asked],
        *,
        folder: Path,
        ranking: dict[str, FusionWeights],
    ) -> None:
        self._texts = {text.name: text for text in texts}
        self._folder = folder
        self._ranking = ranking
        self._asked = asked
        questions = [text for each in asked for text in each.question.texts]
        whole = [titled(text.title, text.text) for text in texts]
        self._vectors = kept_vectors("answers", [*questions, *whole])
        self._names = {
            collection: [text.name for text in texts if text.collection == collection]
            for collection in {text.collection for text in texts}
        }
        self._indexes = {name: self._index(its) for name, its in self._names.items()}

    def situations(self) -> Iterator[Situation]:
        """Every situation, the small collections drawn by a fixed seed."""
        draws = np.random.default_rng(_SEED)
        for asked in self._asked:
            if asked.is_answered is None:
                continue
            yield from self._whole(asked)
            if asked.collection != ABSTRACTS:
                for _ in range(_DRAWS):
                    yield from self._small(asked, draws)

    def embedded(self, situations: Sequence[Situation]) -> dict[str, Vector]:
        """A vector for every text that quoting compares."""
        every = [each.reads for one in situations for each in one.sentences]
        return kept_vectors("answers-sentences", every) | self._vectors

    def _whole(self, asked: Asked) -> Iterator[Situation]:
        own = self._names[asked.collection]
        kind = "papers" if asked.collection == ABSTRACTS else "own"
        yield self._situation(kind, asked, own, bool(asked.is_answered))
        if asked.gold and kind == "own":
            yield self._situation("removed", asked, own, is_answered=False, without=asked.gold)
        for collection, names in self._names.items():
            if collection != asked.collection:
                is_papers = ABSTRACTS in {collection, asked.collection}
                off = "papers off subject" if is_papers else "off subject"
                yield self._situation(off, asked, names, is_answered=False)

    def _small(self, asked: Asked, draws: np.random.Generator) -> Iterator[Situation]:
        size = int(draws.choice(_SIZES))
        names = self._names[asked.collection]
        gold = [name for name in names if name in asked.gold]
        drawn: list[int] = draws.permutation(len(names)).tolist()
        order = [names[at] for at in drawn]
        if draws.random() < _ON_ONE_SUBJECT:
            order = self._neighbours(asked, names, draws)
        others = [name for name in order if name not in asked.gold]
        kind = "small removed" if gold else "small unanswered"
        yield self._situation(kind, asked, others[:size], is_answered=False)
        if gold:
            chosen = [*gold, *others[: max(0, size - len(gold))]]
            yield self._situation("small", asked, chosen, is_answered=True)

    def _neighbours(
        self, asked: Asked, names: Sequence[str], draws: np.random.Generator
    ) -> list[str]:
        """The collection by how near it is to what answers, or would: a handbook on one thing."""
        vectors = np.array([self._vector(name) for name in names])
        gold = [at for at, name in enumerate(names) if name in asked.gold]
        about = self._vectors[asked.question.text]
        if gold:
            about = vectors[int(draws.choice(gold))]
        nearness = vectors @ about + draws.normal(0, _NOISE, len(names))
        order: list[int] = np.argsort(-nearness).tolist()
        return [names[at] for at in order]

    def _situation(
        self,
        kind: str,
        asked: Asked,
        names: Sequence[str],
        is_answered: bool,
        without: frozenset[str] = frozenset(),
    ) -> Situation:
        collection = self._texts[names[0]].collection
        is_whole = names is self._names[collection]
        index = self._indexes[collection] if is_whole else self._index(names)
        found = self._search(asked, index, names, without)
        if not is_whole:
            shutil.rmtree(self._folder / "small")
        return Situation(
            kind=kind,
            asked=asked,
            is_answered=is_answered,
            size=len(names),
            found=found,
            sentences=candidate_sentences(found),
        )

    def _search(
        self, asked: Asked, index: SearchIndex, names: Sequence[str], without: frozenset[str]
    ) -> Found:
        lists = [at for at, name in enumerate(names) if name not in without]
        reach = Reach.of(lists, {self._texts[names[0]].collection})
        vectors = np.array([self._vectors[text] for text in asked.question.texts])
        retriever = Retriever(index, self._ranking[asked.group])
        result = retriever.search(asked.question, vectors, reach, limit=PASSAGES)
        return Found(
            passages=tuple(
                self._found(hit.ref.passage_id, hit.score, result.words) for hit in result.hits
            ),
            support=result.support,
            index_epoch=result.epoch,
            access_epoch=0,
        )

    def _found(self, name: str, score: float, words: frozenset[str]) -> FoundPassage:
        text = self._texts[name]
        return FoundPassage(
            collection=text.collection,
            key=name,
            doc_id=name,
            passage_id=name,
            version="1",
            title=text.title,
            text=text.text,
            start=0,
            end=len(text.text),
            page=None,
            score=score,
            data_class=DataClass.PUBLIC,
            highlights=spans_of(text.text, words),
        )

    def _index(self, names: Sequence[str]) -> SearchIndex:
        """An index in which each passage is under a list of its own, to be taken away by."""
        collection = self._texts[names[0]].collection
        is_whole = names is self._names[collection]
        folder = self._folder / (collection if is_whole else "small")
        passages = [
            Passage(
                ref=PassageRef(
                    passage_id=name,
                    doc_id=name,
                    version="1",
                    collection=collection,
                    acl_id=at,
                    data_class=DataClass.PUBLIC,
                    title=self._texts[name].title,
                ),
                text=self._texts[name].text,
                vector=self._vector(name),
            )
            for at, name in enumerate(names)
        ]
        with EmbeddedWriter(folder, dimensions=DIMENSIONS) as writer:
            writer.apply(Changes(put=passages))
        return EmbeddedIndex(folder)

    def _vector(self, name: str) -> Vector:
        text = self._texts[name]
        return self._vectors[titled(text.title, text.text)]


def evidence_of(
    situation: Situation, vectors: dict[str, Vector], query: QueryWeights
) -> Evidence | None:
    """What quoting decides by; None where nothing was found that is about what is asked."""
    if not situation.sentences:
        return None
    evidence = Evidence.of(
        situation.asked.question,
        situation.found,
        situation.sentences,
        question_vectors=np.array([vectors[t] for t in situation.asked.question.texts]),
        sentence_vectors=np.array([vectors[each.reads] for each in situation.sentences]),
        query=query,
    )
    return evidence if evidence.kept.any() else None
