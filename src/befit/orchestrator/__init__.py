"""The staircase of one request, from the caller's key to the answer's receipt."""

from befit.orchestrator.answer import (
    Answer,
    EmbeddingAnswer,
    Explanation,
    Standing,
    StreamedAnswer,
    befit_object,
    citation_object,
    decision_id_of,
    run_id_of,
)
from befit.orchestrator.arrival import Arrival, BulkArrival, Digest, EmbeddingArrival, Kind, Source
from befit.orchestrator.bulk import BulkCase, BulkRow, BulkRun
from befit.orchestrator.bulk_searches import SearchRow
from befit.orchestrator.collaborators import Collaborators, PendingRun, PendingRuns
from befit.orchestrator.consultation import Cited, Grounds
from befit.orchestrator.in_force import InForce
from befit.orchestrator.orchestrator import Orchestrator
from befit.orchestrator.resolution import Choice, Resolutions
from befit.orchestrator.search import SearchAnswer, SearchArrival
from befit.orchestrator.searching import Scope, Search, require_unlimited

__all__ = [
    "Answer",
    "Arrival",
    "BulkArrival",
    "BulkCase",
    "BulkRow",
    "BulkRun",
    "Choice",
    "Cited",
    "Collaborators",
    "Digest",
    "EmbeddingAnswer",
    "EmbeddingArrival",
    "Explanation",
    "Grounds",
    "InForce",
    "Kind",
    "Orchestrator",
    "PendingRun",
    "PendingRuns",
    "Resolutions",
    "Scope",
    "Search",
    "SearchAnswer",
    "SearchArrival",
    "SearchRow",
    "Source",
    "Standing",
    "StreamedAnswer",
    "befit_object",
    "citation_object",
    "decision_id_of",
    "require_unlimited",
    "run_id_of",
]
