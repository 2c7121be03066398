"""From a source's items to passages that can be found: incremental, resumable, accounted for."""

from befit.knowledge.ingestion.embedding import embed_texts
from befit.knowledge.ingestion.ingestion import Ingestion, IngestJob
from befit.knowledge.ingestion.keeping import Keeping
from befit.knowledge.ingestion.model import PassageModel
from befit.knowledge.ingestion.report import Findings, IngestReport

__all__ = [
    "Findings",
    "IngestJob",
    "IngestReport",
    "Ingestion",
    "Keeping",
    "PassageModel",
    "embed_texts",
]
