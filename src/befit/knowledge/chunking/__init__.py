"""Documents cut into passages, and passages into sentences."""

from befit.knowledge.chunking.chunk import Chunk, chunk
from befit.knowledge.chunking.limits import ChunkLimits
from befit.knowledge.chunking.sentences import MOST_SENTENCE_CHARS, sentences

__all__ = ["MOST_SENTENCE_CHARS", "Chunk", "ChunkLimits", "chunk", "sentences"]
