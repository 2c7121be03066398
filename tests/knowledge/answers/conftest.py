from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from befit.inference.embedded.embedder import DIMENSIONS, Embedder
from befit.inference.embedded.weights import MINILM, located
from befit.knowledge.answers import (
    Quotation,
    QuotingModel,
    candidate_sentences,
    packaged_quoting,
    quote,
)
from befit.knowledge.index import (
    Changes,
    EmbeddedIndex,
    EmbeddedWriter,
    Passage,
    PassageRef,
    Reach,
    Vector,
    titled,
)
from befit.knowledge.retrieval import Question, Retriever, packaged_weights
from befit.knowledge.search import Found
from befit.vocabulary import DataClass
from tests.knowledge.answers.found import passage
from tests.knowledge.answers.handbook import Page

_COLLECTION = "handbook"


class Reading:
    """Asks a folder of pages as the product does: real search, real model, real sentences."""

    def __init__(self, folder: Path, embed: Callable[[Sequence[str]], Vector]) -> None:
        self._folder = folder
        self._embed = embed
        self._model: QuotingModel = packaged_quoting()
        self._folders = 0

    def open(self, pages: Sequence[Page]) -> Retriever:
        self._folders += 1
        folder = self._folder / str(self._folders)
        vectors = self._embed([titled(page.title, page.text) for page in pages])
        put = [
            Passage(
                ref=PassageRef(
                    passage_id=page.name,
                    doc_id=page.name,
                    version="1",
                    collection=_COLLECTION,
                    acl_id=0,
                    data_class=DataClass.INTERNAL,
                    title=page.title,
                ),
                text=page.text,
                vector=vector,
            )
            for page, vector in zip(pages, vectors, strict=True)
        ]
        with EmbeddedWriter(folder, dimensions=DIMENSIONS) as writer:
            writer.apply(Changes(put=put))
        return Retriever(EmbeddedIndex(folder), packaged_weights())

    def found(self, pages: Sequence[Page], retriever: Retriever, question: Question) -> Found:
        texts = {page.name: page for page in pages}
        vectors = self._embed(question.texts)
        result = retriever.search(question, vectors, Reach.of([0], [_COLLECTION]), limit=5)
        return Found(
            passages=tuple(
                passage(
                    texts[hit.ref.passage_id].text,
                    name=hit.ref.passage_id,
                    score=hit.score,
                    title=texts[hit.ref.passage_id].title,
                )
                for hit in result.hits
            ),
            support=result.support,
            index_epoch=result.epoch,
            access_epoch=0,
        )

    def ask(self, pages: Sequence[Page], retriever: Retriever, text: str) -> Quotation:
        question = Question.of(text)
        return self.quote(question, self.found(pages, retriever, question))

    def quote(self, question: Question, found: Found) -> Quotation:
        sentences = candidate_sentences(found)
        return quote(
            question,
            found,
            sentences,
            question_vectors=self._embed(question.texts),
            sentence_vectors=self._embed([each.reads for each in sentences]),
            model=self._model,
        )


@pytest.fixture(scope="session")
def embed() -> Callable[[Sequence[str]], Vector]:
    """Embeds with the real model; what it has seen it remembers."""
    embedder = Embedder(located(MINILM), threads=1)
    seen = dict[str, Vector]()

    def embed_texts(texts: Sequence[str]) -> Vector:
        new = sorted({text for text in texts if text not in seen})
        if new:
            seen.update(zip(new, embedder.embed(new).vectors, strict=True))
        return np.array([seen[text] for text in texts], np.float32).reshape(-1, DIMENSIONS)

    return embed_texts


@pytest.fixture
def reading(tmp_path: Path, embed: Callable[[Sequence[str]], Vector]) -> Reading:
    return Reading(tmp_path, embed)
