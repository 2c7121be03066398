"""One tenant's passages, searched by words and by meaning, both under the reader's rights."""

from befit.knowledge.index.embedded import EmbeddedIndex, EmbeddedWriter
from befit.knowledge.index.passage import Changes, Passage, PassageRef, Vector, titled
from befit.knowledge.index.reach import Reach
from befit.knowledge.index.search_index import (
    IndexDamaged,
    IndexUnwritable,
    IndexWriter,
    Leg,
    SearchIndex,
    Snapshot,
)
from befit.knowledge.index.words import WeightedText, spans_of, words_of

__all__ = [
    "Changes",
    "EmbeddedIndex",
    "EmbeddedWriter",
    "IndexDamaged",
    "IndexUnwritable",
    "IndexWriter",
    "Leg",
    "Passage",
    "PassageRef",
    "Reach",
    "SearchIndex",
    "Snapshot",
    "Vector",
    "WeightedText",
    "spans_of",
    "titled",
    "words_of",
]
