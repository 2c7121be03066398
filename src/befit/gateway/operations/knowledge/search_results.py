"""What a search answers with: passages as people and programs read them."""

from __future__ import annotations

from collections.abc import Mapping

from befit.gateway.operations.operation import OpDocument
from befit.knowledge.search import Found, FoundPassage


class SearchResult(OpDocument, frozen=True, kw_only=True):
    """One passage (contract).

    Attributes:
        score: compares the results of one search and no others.
        start, end: characters of the document's text.
        highlights: where the query's words stand, as characters of `text`.
        uri: where its reader finds the document; empty where that is a place of the server's own.
        dated: of the document itself, in Unix seconds; null where it has no date.
    """

    doc_id: str
    passage_id: str
    score: float
    text: str
    title: str
    start: int
    end: int
    collection: str
    version: str
    page: int | None
    data_class: str
    tags: tuple[str, ...]
    highlights: tuple[tuple[int, int], ...]
    uri: str
    metadata: Mapping[str, str]
    dated: int | None


class SearchDocument(OpDocument, frozen=True, kw_only=True):
    """What `search --json` prints (contract).

    Attributes:
        found: false where nothing was found that the reader may read.
        data_class: of the query and all results together.
    """

    results: tuple[SearchResult, ...]
    found: bool
    decision_id: str
    data_class: str
    latency_ms: float


def search_results(found: Found) -> tuple[SearchResult, ...]:
    """The passages found, best first."""
    return tuple(map(_result, found.passages))


def _result(passage: FoundPassage) -> SearchResult:
    return SearchResult(
        doc_id=passage.doc_id,
        passage_id=passage.passage_id,
        score=passage.score,
        text=passage.text,
        title=passage.title,
        start=passage.start,
        end=passage.end,
        collection=passage.collection,
        version=passage.version,
        page=passage.page,
        data_class=passage.data_class.word,
        tags=tuple(sorted(passage.tags)),
        highlights=passage.highlights,
        uri=passage.uri,
        metadata=passage.metadata,
        dated=passage.dated_s,
    )
