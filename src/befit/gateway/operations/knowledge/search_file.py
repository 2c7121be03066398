"""The operation `knowledge.search_file`: many queries, each for its reader, in one decision."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from befit.errors import Forbidden, InvalidRequest
from befit.evaluation import Query, RankingScorer, read_queries
from befit.gateway.operations.entitled import require
from befit.gateway.operations.knowledge.search import question_of
from befit.gateway.operations.knowledge.search_params import ScopeParams, scope_of
from befit.gateway.operations.knowledge.search_results import SearchResult, search_results
from befit.gateway.operations.measuring.case_file import absolute_path
from befit.gateway.operations.operation import OpDocument, long_operation
from befit.identity import Principal, local_administrator
from befit.orchestrator import BulkArrival, BulkRun, Digest, Kind, Scope, Search, SearchRow
from befit.platform import Platform
from befit.policy import Action
from befit.vocabulary import Progress

_BATCH = 32
_JUDGED = 50
"""Passages searched for where documents are judged: several may be of one document."""

_MOST_FILE_BYTES = 256 * 1024 * 1024
_MOST_RESULT_CHARS = 100_000_000


class SearchFileParams(ScopeParams, frozen=True, kw_only=True):
    """Which queries: `queries` is the whole path of a file that the server may read.

    `reader`, `USER[:GROUP,GROUP..]`, reads for rows that name nobody; without, it is who asks.
    """

    queries: str
    reader: str | None = None


class QueryResults(msgspec.Struct, frozen=True, kw_only=True):
    """One query's results, best first."""

    query_id: str
    results: tuple[SearchResult, ...]


class RankingIntervals(msgspec.Struct, frozen=True, kw_only=True):
    """95% intervals of the means over queries."""

    recall_at_5: tuple[float, float] = msgspec.field(name="recall@5")
    ndcg_at_10: tuple[float, float] = msgspec.field(name="ndcg@10")


class RankingMetrics(msgspec.Struct, frozen=True, kw_only=True):
    """How well what is relevant was found, over the `n` queries that say what is.

    A document counts once, by its best passage.
    """

    recall_at_5: float = msgspec.field(name="recall@5")
    ndcg_at_10: float = msgspec.field(name="ndcg@10")
    n: int
    intervals: RankingIntervals


class SearchFileDocument(OpDocument, omit_defaults=True, frozen=True, kw_only=True):
    """What `search --queries F --json` prints (contract)."""

    queries: tuple[QueryResults, ...]
    decision_id: str
    n: int
    metrics: RankingMetrics | None = None


async def search_file(
    platform: Platform, principal: Principal, params: SearchFileParams, progress: Progress
) -> SearchFileDocument:
    """Search for every query of a file.

    Raises:
        InvalidRequest: the file cannot be read, or its results are too many to be held.
        Forbidden: the server reads the file, which takes an administrator; only the local one
            may assert readers.
        NotFound: no such collection.
    """
    require(platform, principal, Action.ADMINISTER, "search by a file of the server")
    scope = scope_of(params)
    path = absolute_path(params.queries)
    asked = await asyncio.to_thread(_read, path, principal, params.reader)
    arrival = BulkArrival(
        principal=principal, kind=Kind.SEARCH, workflow=None, content=asked.digest
    )
    taken = _Taken(path)
    async with await platform.orchestrator.bulk(arrival) as bulk:
        progress("search", 0, len(asked.queries))
        for batch in _batches(asked.queries):
            rows = [_row(query, asked.reader_of(query), scope) for query in batch]
            await taken.search(bulk, batch, rows)
            progress("search", len(taken.results), len(asked.queries))
    return SearchFileDocument(
        queries=tuple(taken.results),
        decision_id=bulk.decision_id,
        n=len(taken.results),
        metrics=taken.metrics(),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Asked:
    """The queries of a file, who reads for each, and the digest of it."""

    queries: Sequence[Query]
    readers: Mapping[str | None, Principal]
    digest: Digest

    def reader_of(self, query: Query) -> Principal:
        """Whom a query is searched for: whom its row names, else who reads for all others."""
        return self.readers[query.reader]


class _Taken:
    """The results so far, and what they come to."""

    def __init__(self, path: Path) -> None:
        self.results: list[QueryResults] = []
        self._path = path
        self._scorer = RankingScorer()
        self._chars = 0

    async def search(
        self, bulk: BulkRun, batch: Sequence[Query], rows: Sequence[SearchRow]
    ) -> None:
        """Search for a batch and take what is given of it."""
        found = await bulk.searches.search(rows)
        for query, row, each in zip(batch, rows, found, strict=True):
            ranking = (passage.doc_id for passage in each.passages)
            self._scorer.add(ranking, query.relevant)
            given = replace(each, passages=each.passages[: row.given])
            self._chars += sum(len(passage.text) for passage in given.passages)
            if self._chars > _MOST_RESULT_CHARS:
                raise InvalidRequest(
                    f"{self._path}: the results exceed {_MOST_RESULT_CHARS} characters",
                    next_step="split the file, or lower --limit",
                )
            self.results.append(QueryResults(query_id=query.id, results=search_results(given)))

    def metrics(self) -> RankingMetrics | None:
        """Means with their intervals; None where no query says what is relevant."""
        scores = self._scorer.scores()
        if scores is None:
            return None
        return RankingMetrics(
            recall_at_5=scores.recall.mean,
            ndcg_at_10=scores.ndcg.mean,
            n=scores.recall.n,
            intervals=RankingIntervals(
                recall_at_5=scores.recall.interval.as_pair(),
                ndcg_at_10=scores.ndcg.interval.as_pair(),
            ),
        )


def _row(query: Query, reader: Principal, scope: Scope) -> SearchRow:
    judged = max(scope.limit, _JUDGED) if query.relevant else scope.limit
    return SearchRow(
        id=query.id,
        search=Search(
            reader=reader,
            question=question_of(query.text, query.history),
            scope=replace(scope, limit=judged),
        ),
        given=scope.limit,
    )


def _reader(principal: Principal, asserted: str | None) -> Principal:
    """Who reads: who asks, or whom the local administrator asserts."""
    if asserted is None:
        return principal
    if principal != local_administrator(tenant=principal.tenant):
        raise Forbidden("only the local administrator may assert who reads")
    return local_administrator(acting_as=asserted, tenant=principal.tenant)


def _read(path: Path, principal: Principal, reader: str | None) -> _Asked:
    """What is asked, all of it before anything is searched; takes a while."""
    try:
        size = path.stat().st_size
    except OSError:
        size = 0  # reading it tells what is wrong
    if size > _MOST_FILE_BYTES:
        raise InvalidRequest(f"{path} exceeds {_MOST_FILE_BYTES} bytes", next_step="split it")
    queries = tuple(read_queries(path))
    readers: dict[str | None, Principal] = {None: _reader(principal, reader)}
    for query in queries:
        if query.reader not in readers:
            try:
                readers[query.reader] = _reader(principal, query.reader)
            except InvalidRequest as wrong:
                raise InvalidRequest(
                    f"{path}: query {query.id!r}: {wrong.message}",
                    next_step=wrong.next_step,
                    param="as",
                ) from None
    return _Asked(queries=queries, readers=readers, digest=Digest.of_file(path))


def _batches(queries: Sequence[Query]) -> Iterator[Sequence[Query]]:
    for start in range(0, len(queries), _BATCH):
        yield queries[start : start + _BATCH]


OPERATIONS = (long_operation("knowledge.search_file", SearchFileParams, search_file),)
"""What the registry loads when somebody first asks for it."""
