"""`Consultation`: what a run asks of documents, what it was given, and what its answer rests on."""

from __future__ import annotations

from dataclasses import dataclass

from befit.catalog import AnswerMode, ModelCard
from befit.knowledge.index import Vector
from befit.knowledge.retrieval import Question
from befit.knowledge.search import Citation, Found, FoundPassage


@dataclass(frozen=True, kw_only=True, slots=True)
class Cited:
    """A citation, and the words of the answer that rest on it.

    Attributes:
        mark: the number by which the answer points to it, such as 1 for `[1]`.
        start, end: characters of the answer's text.
        url: where the document can be found, or a name of it where no browser can.
    """

    citation: Citation
    mark: int
    start: int
    end: int
    url: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Grounds:
    """What an answer from documents rests on.

    Attributes:
        found: False where the documents do not say.
        probability: that they do, where that was decided by a calibrated model.
        cited: in the order of the text; each was verbatim in the store before the release.
        keys: of all documents that the answer was made from.
    """

    found: bool
    probability: float | None = None
    cited: tuple[Cited, ...] = ()
    keys: tuple[str, ...] = ()


@dataclass(kw_only=True, eq=False, slots=True)
class Consultation:
    """The documents' part in one run.

    Attributes:
        question: with the turns before it.
        vectors: a unit vector for each of `question.texts`.
        embedder: the model that they are of.
        grounds: of the answer that was made last; None until there is one.
        is_told: whether an event has named the passages.
    """

    collections: tuple[str, ...]
    mode: AnswerMode
    question: Question
    vectors: Vector
    embedder: ModelCard
    found: Found
    grounds: Grounds | None = None
    is_told: bool = False

    @property
    def behind(self) -> tuple[FoundPassage, ...]:
        """The passages that the answer was made from, cited or not."""
        keys = self.grounds.keys if self.grounds else ()
        return tuple(each for each in self.found.passages if each.key in keys)
