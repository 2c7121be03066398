"""The staircase of one request. Read `handle` from top to bottom."""

from __future__ import annotations

from befit.catalog import AnswerMode
from befit.errors import InvalidRequest
from befit.messages import ChatRequest
from befit.orchestrator import ending
from befit.orchestrator.answer import Answer, EmbeddingAnswer, Explanation, StreamedAnswer
from befit.orchestrator.arrival import Arrival, BulkArrival, Digest, EmbeddingArrival, Kind
from befit.orchestrator.bulk import BulkRun
from befit.orchestrator.calls import Calls
from befit.orchestrator.climbing import Climbing
from befit.orchestrator.closings import Closings
from befit.orchestrator.collaborators import Collaborators
from befit.orchestrator.eligibility import Eligibility
from befit.orchestrator.embedding import EmbeddingStaircase
from befit.orchestrator.inspection import Inspection
from befit.orchestrator.naming import WorkflowNaming
from befit.orchestrator.opening import Opening
from befit.orchestrator.retrieving import Retrieving
from befit.orchestrator.run import Run
from befit.orchestrator.search import SearchAnswer, SearchArrival, SearchStaircase
from befit.policy import Verdicts
from befit.vocabulary import Status


class Orchestrator:
    """Handles one request from its caller's key to its answer's receipt."""

    def __init__(self, rooms: Collaborators) -> None:
        self._rooms = rooms
        self._calls = Calls(rooms)
        self._opening = Opening(rooms, self._calls)
        inspection = Inspection(self._calls)
        self._naming = WorkflowNaming(inspection)
        self._retrieving = Retrieving(rooms, inspection)
        self._eligibility = Eligibility(rooms)
        self._closings = Closings()
        self._climbing = Climbing(rooms, self._calls, self._closings)
        self._embedding = EmbeddingStaircase(
            self._opening, self._eligibility, self._calls, self._closings
        )
        self._search = SearchStaircase(rooms, self._opening, self._retrieving, self._closings)

    async def handle(self, arrival: Arrival) -> Answer | StreamedAnswer:
        """Answer a request, or leave it with a person.

        Raises:
            BefitError: the request was refused or failed; `decision_id` names the record
                (except where the caller was never authenticated).
        """
        principal = await self._opening.authenticate(arrival.caller)
        run = self._opening.open(principal, arrival.request, arrival.kind, arrival.source)
        async with ending.closing(run, self._closings):
            await self._naming.name(run)
            await self._opening.classify(run)
            await self._retrieving.retrieve(run)
            verdicts = await self._opening.authorise(run)
            self._eligibility.plan(run, verdicts)
            return await self._climbing.climb(run)

    async def explain(self, arrival: Arrival) -> Explanation:
        """The plan for a request, without a call of an answering model.

        Raises:
            BefitError: as `handle`; a route without any model is told, not raised.
        """
        principal = await self._opening.authenticate(arrival.caller)
        run = self._opening.open(principal, arrival.request, Kind.ROUTE, arrival.source)
        async with ending.closing(run, self._closings):
            await self._naming.name(run)
            await self._opening.classify(run)
            await self._retrieving.retrieve(run)
            verdicts = await self._opening.authorise(run)
            self._eligibility.plan(run, verdicts)
            return await ending.explained(run, self._status_of_plan(run, verdicts))

    async def embed(self, arrival: EmbeddingArrival) -> EmbeddingAnswer:
        """Vectors for texts, under a decision of their own."""
        return await self._embedding.handle(arrival)

    async def search(self, arrival: SearchArrival) -> SearchAnswer:
        """Passages for a reader, under a decision of their own."""
        return await self._search.handle(arrival)

    async def bulk(self, arrival: BulkArrival) -> BulkRun:
        """An open decision for many rows; leaving its context closes it, whatever happened.

        Raises:
            NotFound: no such workflow.
        """
        model = f"workflow:{arrival.workflow}" if arrival.workflow else "bulk"
        content = arrival.content
        digest = content if isinstance(content, Digest) else Digest.of(content)
        request = ChatRequest(fields={}, model=model, messages=(), befit=arrival.befit)
        run = self._opening.open(
            arrival.principal, request, arrival.kind, arrival.source, digest=digest
        )
        async with ending.closing(run, self._closings):
            if arrival.workflow:
                await self._naming.name(run)
                _require_no_documents(run)
            await self._opening.classify(run)
        return BulkRun(run, self._rooms, self._calls, self._closings)

    async def drain(self) -> None:
        """Wait until every decision under way is closed; called before the ledger closes."""
        await self._closings.drain()

    def _status_of_plan(self, run: Run, verdicts: Verdicts) -> Status:
        route = run.route
        if route is not None and route.models:
            first = route.models[0]
            self._climbing.take(run, first)
            alone = verdicts.by_model[first.name].unattended
            return Status.ANSWERED if alone else Status.PENDING_PERSON
        at_person = route is not None and route.ends_at_person
        return Status.PENDING_PERSON if at_person else Status.REFUSED


def _require_no_documents(run: Run) -> None:
    """A bulk searches nothing; only writing can be measured, on cases that bring their passages."""
    knowledge = run.workflow.knowledge if run.workflow else None
    measures_writing = (
        run.kind is Kind.EVALUATE and knowledge is not None and knowledge.mode is AnswerMode.WRITE
    )
    if knowledge is not None and not measures_writing:
        raise InvalidRequest(
            f"workflow {run.workflow.name if run.workflow else ''!r} answers from documents, and a "
            "bulk searches none",
            next_step="ask each question by itself: befit ask",
            param="workflow",
        )
