"""`BulkSearches`: many searches under one decision, each by the rights of its own reader.

    found = await bulk.searches.search([SearchRow(id="1", search=Search(..), given=10), ..])

The texts of a batch are embedded by one call. What each row was given is in a sealed table,
which the decision's `closed` event commits to: a table a batch, so that nothing grows with
the number of rows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec

from befit.knowledge.search import Found
from befit.orchestrator.calls import Calls
from befit.orchestrator.collaborators import Collaborators
from befit.orchestrator.inspection import Inspection
from befit.orchestrator.retrieving import Retrieving
from befit.orchestrator.run import Run
from befit.orchestrator.searching import Search, Searching
from befit.policy import ClassOrigin


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchRow:
    """One search of many.

    Attributes:
        given: how many of its passages leave; those beyond only serve to judge the ranking.
    """

    id: str
    search: Search
    given: int


@dataclass(frozen=True, kw_only=True, slots=True)
class RowPassage:
    """One passage that a row was given, in the sealed table."""

    collection: str
    doc_id: str
    passage_id: str
    version: str
    data_class: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchedRow:
    """One row of the sealed table."""

    id: str
    reader: str
    passages: tuple[RowPassage, ...]
    index_epoch: int
    access_epoch: int


class BulkSearches:
    """The searches of one bulk."""

    def __init__(self, run: Run, rooms: Collaborators, calls: Calls) -> None:
        self._run = run
        self._rooms = rooms
        self._searching = Searching(rooms, Retrieving(rooms, Inspection(calls)))

    async def search(self, rows: Sequence[SearchRow]) -> tuple[Found, ...]:
        """Search for a batch of rows; each gives as much as its scope says.

        Raises:
            NotFound: no such collection.
            Forbidden, NoFitModel: no model on this machine may read the questions.
            IndexDamaged, Overloaded, ModelFailure: nothing could be searched.
        """
        run = self._run
        questions = [row.search.question for row in rows]
        await self._examine([text for question in questions for text in question.texts])
        vectors = await self._searching.vectors(run, questions)
        found: list[Found] = []
        for row, embedded in zip(rows, vectors, strict=True):
            scope = await self._searching.resolved(run, row.search.scope)
            search = replace(row.search, scope=scope)
            found.append(await self._searching.find(run, search, embedded))
        given = [each.passages[: row.given] for row, each in zip(rows, found, strict=True)]
        await self._searching.release(run, [passage for each in given for passage in each])
        await self._keep([_row(row, each) for row, each in zip(rows, found, strict=True)])
        return tuple(found)

    async def _examine(self, texts: Sequence[str]) -> None:
        """Join what the questions hold, and what they bring back, into the decision's class."""
        run = self._run
        examine = run.in_force.examine
        if examine is not None:
            found = await asyncio.to_thread(examine, texts)
            run.classification = run.classification.joined(found)
        carried = await self._rooms.released.class_of(run.principal.tenant, texts)
        if carried is not None:
            run.classification = run.classification.carrying(
                carried.data_class, carried.tags, origin=ClassOrigin.RELEASED
            )

    async def _keep(self, rows: Sequence[SearchedRow]) -> None:
        run = self._run
        table = await self._rooms.tables.keep(
            run.principal.tenant,
            msgspec.json.Encoder().encode_lines(rows),
            subject=run.principal.id,
            data_class=run.classification.data_class,
        )
        run.result_tables.append(table)


def _row(row: SearchRow, found: Found) -> SearchedRow:
    return SearchedRow(
        id=row.id,
        reader=row.search.reader.id,
        passages=tuple(
            RowPassage(
                collection=each.collection,
                doc_id=each.doc_id,
                passage_id=each.passage_id,
                version=each.version,
                data_class=each.data_class.word,
            )
            for each in found.passages[: row.given]
        ),
        index_epoch=found.index_epoch,
        access_epoch=found.access_epoch,
    )
