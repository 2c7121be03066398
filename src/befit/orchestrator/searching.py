"""`Searching`: what one search and a file of them share, from rights to release."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from befit.errors import Forbidden, NotFound
from befit.identity import Principal
from befit.knowledge.index import Vector
from befit.knowledge.retrieval import Question
from befit.knowledge.search import Ask, Filters, Found, FoundPassage
from befit.orchestrator.collaborators import Collaborators
from befit.orchestrator.releasing import released_passage
from befit.orchestrator.retrieving import Retrieving, may_read
from befit.orchestrator.run import Run


@dataclass(frozen=True, kw_only=True, slots=True)
class Scope:
    """Where it is searched, and how much is given.

    Attributes:
        collections: empty searches all of the tenant.
        limit: how many passages at most.
    """

    collections: tuple[str, ...] = ()
    limit: int = 10
    filters: Filters = field(default_factory=Filters)


@dataclass(frozen=True, kw_only=True, slots=True)
class Search:
    """One search: by whose rights, for what, and where."""

    reader: Principal
    question: Question
    scope: Scope


class Searching:
    """Searches by a reader's rights and joins what was found into the run's class."""

    def __init__(self, rooms: Collaborators, retrieving: Retrieving) -> None:
        self._rooms = rooms
        self._retrieving = retrieving

    async def vectors(self, run: Run, questions: Iterable[Question]) -> list[Vector]:
        """For each question the vectors of its texts, all from one call."""
        wanted = list(questions)
        rows = await self._retrieving.embed(run, [text for each in wanted for text in each.texts])
        found: list[Vector] = []
        start = 0
        for question in wanted:
            end = start + len(question.texts)
            found.append(rows[start:end])
            start = end
        return found

    async def resolved(self, run: Run, scope: Scope) -> Scope:
        """The scope with its collections by name.

        Raises:
            NotFound: there is no collection at all.
        """
        if scope.collections:
            return scope
        names = await self._rooms.library.collections(run.principal.tenant)
        if not names:
            raise NotFound(
                "there is no collection yet", next_step="befit ingest PATH --collection NAME"
            )
        return replace(scope, collections=names)

    async def find(self, run: Run, search: Search, vectors: Vector) -> Found:
        """The passages, best first, of a scope that is resolved.

        Raises:
            NotFound: no such collection.
            IndexDamaged, Overloaded: nothing could be searched.
        """
        scope = search.scope
        ask = Ask(
            reader=search.reader,
            may_read=may_read(run, search.reader),
            names_documents=run.policy.rules.names_documents,
            question=search.question,
            vectors=vectors,
            collections=scope.collections,
            limit=scope.limit,
            filters=scope.filters,
        )
        return await self._retrieving.search(run, ask)

    async def release(self, run: Run, passages: Iterable[FoundPassage]) -> None:
        """Remember what is about to leave, so that its class is known when it comes back."""
        texts = [released_passage(each) for each in passages]
        await self._rooms.released.remember(run.principal.tenant, texts)


def require_unlimited(principal: Principal) -> None:
    """A key that is limited to workflows reads documents through these alone.

    Raises:
        Forbidden: it is.
    """
    if principal.workflows:
        raise Forbidden(
            f"this key is limited to workflows {', '.join(sorted(principal.workflows))}",
            next_step="ask one of them, or search with another key",
        )
