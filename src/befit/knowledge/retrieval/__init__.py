"""From a conversation's question to the passages that speak to it, best first."""

from befit.knowledge.retrieval.candidates import Admit
from befit.knowledge.retrieval.fusion import FusionWeights, packaged_weights
from befit.knowledge.retrieval.question import QueryWeights, Question
from befit.knowledge.retrieval.retriever import Hit, Retrieved, Retriever
from befit.knowledge.retrieval.support import Support

__all__ = [
    "Admit",
    "FusionWeights",
    "Hit",
    "QueryWeights",
    "Question",
    "Retrieved",
    "Retriever",
    "Support",
    "packaged_weights",
]
