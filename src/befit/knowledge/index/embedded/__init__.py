"""The index on this machine's disk: tantivy for words, exact vectors, one commit for both."""

from befit.knowledge.index.embedded.index import EmbeddedIndex
from befit.knowledge.index.embedded.writer import EmbeddedWriter

__all__ = ["EmbeddedIndex", "EmbeddedWriter"]
