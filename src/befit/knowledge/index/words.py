"""How text becomes words: one analysis for what is indexed, asked and highlighted.

English stems without stop words (removing them gains a point of recall on conversations
and keeps queries short). Text in other scripts keeps its words as they are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache

from tantivy import Filter, TextAnalyzer, TextAnalyzerBuilder, Tokenizer

ANALYSIS_VERSION = 1
"""Part of an index's format: raise it when words come out differently."""

LONGEST_WORD = 60
MOST_QUERY_CHARS = 20_000
"""Of each text of a query; what lies past it is not read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WeightedText:
    """A part of a query and how much its words count, such as an earlier turn at 0.4."""

    text: str
    weight: float = 1.0


@cache
def analyzer() -> TextAnalyzer:
    """The analysis itself; immutable, so one serves the whole process."""
    builder = TextAnalyzerBuilder(Tokenizer.simple())
    filters = (
        Filter.remove_long(LONGEST_WORD),
        Filter.lowercase(),
        Filter.ascii_fold(),
        Filter.stopword("english"),
        Filter.stemmer("english"),
    )
    for each in filters:
        builder = builder.filter(each)
    return builder.build()


def words_of(query: Sequence[WeightedText]) -> dict[str, float]:
    """Each word of a query with the sum of its weights. No query syntax is read."""
    weights: defaultdict[str, float] = defaultdict(float)
    for part in query:
        if part.weight > 0:
            for word in analyzer().analyze(encodable(part.text[:MOST_QUERY_CHARS])):
                weights[word] += part.weight
    return dict(weights)


def spans_of(text: str, words: Collection[str]) -> tuple[tuple[int, int], ...]:
    """Where `words`, as `words_of` gives them, stand in `text`: start and end characters."""
    tokens = analyzer().pre_tokenize(encodable(text)).tokens
    return tuple(
        (token.char_offset_from, token.char_offset_to) for token in tokens if token.text in words
    )


def encodable(text: str) -> str:
    """The text with each lone surrogate, which no index can hold, replaced by `?`."""
    return text.encode("utf-8", "replace").decode("utf-8")
