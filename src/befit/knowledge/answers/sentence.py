"""`Sentence`: the stretch of a found passage that a quotation or a claim can rest on."""

from __future__ import annotations

from dataclasses import dataclass

from befit.knowledge.chunking import sentences
from befit.knowledge.found import Found

MOST_SENTENCES = 60
"""Each is embedded while somebody waits."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sentence:
    """One sentence, list item or table row of a passage.

    Attributes:
        passage: which of `Found.passages`, counting from 0.
        start, end: characters of the passage's text, without the space around.
    """

    passage: int
    start: int
    end: int
    text: str


def candidate_sentences(found: Found) -> tuple[Sentence, ...]:
    """The sentences of what was found, in order, at most sixty.

    Where there are more, such as the rows of long tables, those with most of the question's
    words stay, and of those with as many the first of each passage.
    """
    every = list[Sentence]()
    worth = list[tuple[int, int]]()
    for at, passage in enumerate(found.passages):
        for place, (start, end) in enumerate(sentences(passage.text)):
            every.append(Sentence(passage=at, start=start, end=end, text=passage.text[start:end]))
            words = sum(start <= begin < end for begin, _ in passage.highlights)
            worth.append((-words, place))
    kept = sorted(range(len(every)), key=worth.__getitem__)[:MOST_SENTENCES]
    return tuple(every[at] for at in sorted(kept))
