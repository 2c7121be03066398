"""A question with the conversation that it belongs to.

"And in South America?" finds nothing by itself. Earlier questions say what it is about, the
later the more; the last answer names what the next question often refers to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from befit.knowledge.index import WeightedText
from befit.knowledge.index.passage import Vector
from befit.messages import Message

MOST_TURNS = 6
"""Earlier questions read; those before weigh less than anything measurable."""


class QueryWeights(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much the conversation counts beside the question, which counts 1.

    Attributes:
        word_decay: an earlier question's words, by how many questions ago (0.4, 0.16, ..).
        word_answer: the last answer's words.
        vector_decay: an earlier question's vector.
        vector_answer: the last answer's vector.
    """

    word_decay: float
    word_answer: float
    vector_decay: float
    vector_answer: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """What is asked now, what was asked before (latest first), and the last answer."""

    text: str
    earlier: tuple[str, ...] = ()
    answer: str | None = None

    @classmethod
    def of(cls, text: str, history: Sequence[Message] = ()) -> Question:
        """Read a conversation, oldest turn first; system and tool messages say nothing here."""
        asked = [turn.text for turn in history if turn.role == "user"]
        answers = [turn.text for turn in history if turn.role == "assistant"]
        return cls(
            text=text,
            earlier=tuple(each for each in reversed(asked) if each.strip())[:MOST_TURNS],
            answer=answers[-1] if answers and answers[-1].strip() else None,
        )

    @property
    def history(self) -> tuple[Message, ...]:
        """The conversation before it, oldest turn first, as far as it is searched by."""
        asked = [Message(role="user", content=text) for text in reversed(self.earlier)]
        answered = [Message(role="assistant", content=self.answer)] if self.answer else []
        return (*asked, *answered)

    @property
    def texts(self) -> tuple[str, ...]:
        """What `vector` needs embedded, in order, the question first."""
        return (self.text, *self.earlier, *([self.answer] if self.answer else []))

    def vector(self, embedded: Vector, weights: QueryWeights) -> Vector:
        """The unit vector to search with, from one row for each of `texts`.

        Raises:
            ValueError: there are not as many rows as texts.
        """
        factors = np.array(self._factors(weights.vector_decay, weights.vector_answer), np.float32)
        if len(embedded) != len(factors):
            raise ValueError(f"{len(embedded)} vectors for {len(factors)} texts")
        joined = factors @ embedded
        return joined / max(float(np.linalg.norm(joined)), 1e-9)

    def words(self, weights: QueryWeights) -> tuple[WeightedText, ...]:
        """The weighted texts to search words of."""
        factors = self._factors(weights.word_decay, weights.word_answer)
        return tuple(
            WeightedText(text=text, weight=factor)
            for text, factor in zip(self.texts, factors, strict=True)
        )

    def _factors(self, decay: float, answer: float) -> list[float]:
        turns = [decay**ago for ago in range(1 + len(self.earlier))]
        return [*turns, answer] if self.answer else turns
