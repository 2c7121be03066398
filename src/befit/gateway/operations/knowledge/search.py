"""The operation `knowledge.search`: the passages that speak to a query, of those its reader
may read, in one decision."""

from __future__ import annotations

import msgspec

from befit.errors import InvalidRequest
from befit.gateway.operations.knowledge.search_params import MOST_QUERY_CHARS, ScopeParams, scope_of
from befit.gateway.operations.knowledge.search_results import SearchDocument, search_results
from befit.gateway.operations.operation import operation
from befit.identity import Principal
from befit.knowledge.retrieval import Question
from befit.messages import Message
from befit.orchestrator import SearchArrival, Source
from befit.platform import Platform


class Turn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One turn of the conversation before a query: a question, or what was answered."""

    role: str
    content: str


class SearchParams(ScopeParams, frozen=True, kw_only=True):
    """What is searched for. Who reads is who asks, and never said here."""

    query: str
    history: tuple[Turn, ...] = ()


async def search(platform: Platform, principal: Principal, params: SearchParams) -> SearchDocument:
    """Search as a command; the reader is the principal that it acts as.

    Raises:
        InvalidRequest: the query is empty or too long, or a filter cannot be.
        NotFound: no such collection.
        Forbidden: the key is limited to workflows, or policy does not let it search.
    """
    return await _searched(platform, principal, params, Source.CLI)


async def search_http(
    platform: Platform, principal: Principal, params: SearchParams
) -> SearchDocument:
    """Search over HTTP; raises what `search` raises."""
    return await _searched(platform, principal, params, Source.HTTP)


def question_of(query: str, history: tuple[Message, ...]) -> Question:
    """The question of a query with the conversation before it.

    Raises:
        InvalidRequest: it is empty or too long.
    """
    if not query.strip():
        raise InvalidRequest("the query is empty", param="query")
    if len(query) > MOST_QUERY_CHARS:
        raise InvalidRequest(
            f"the query has {len(query)} characters; at most {MOST_QUERY_CHARS} are searched by",
            next_step="ask by what matters in it",
            param="query",
        )
    return Question.of(query, history)


async def _searched(
    platform: Platform, principal: Principal, params: SearchParams, source: Source
) -> SearchDocument:
    history = tuple(Message(role=turn.role, content=turn.content) for turn in params.history)
    arrival = SearchArrival(
        caller=principal,
        question=question_of(params.query, history),
        scope=scope_of(params),
        source=source,
    )
    answer = await platform.orchestrator.search(arrival)
    return SearchDocument(
        results=search_results(answer.found),
        found=bool(answer.found.passages),
        decision_id=answer.standing.decision_id,
        data_class=answer.standing.data_class.word,
        latency_ms=round(answer.latency_ms, 3),
    )


OPERATIONS = (operation("knowledge.search", SearchParams, search),)
