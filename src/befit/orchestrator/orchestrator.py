"""The staircase of one request. Read `handle` from top to bottom."""

from __future__ import annotations

import msgspec

from befit.catalog import CheckKind, ModelCard
from befit.errors import BefitError, InvalidRequest, ModelFailure
from befit.inference import ModelCall
from befit.messages import ChatCompletion, ChatRequest
from befit.orchestrator import ending
from befit.orchestrator.account import Intent
from befit.orchestrator.answer import Answer, EmbeddingAnswer, Explanation, StreamedAnswer
from befit.orchestrator.arrival import Arrival, BulkArrival, EmbeddingArrival, Kind
from befit.orchestrator.bulk import BulkRun
from befit.orchestrator.calls import (
    NEXT_MODEL_MAY_HELP,
    Calls,
    PermittedCall,
    Settlement,
    forbidden,
)
from befit.orchestrator.closings import Closings
from befit.orchestrator.collaborators import Collaborators
from befit.orchestrator.eligibility import Eligibility, exceeds_ceiling, refusal
from befit.orchestrator.embedding import EmbeddingStaircase
from befit.orchestrator.naming import WorkflowNaming
from befit.orchestrator.opening import Opening
from befit.orchestrator.person import AskPerson
from befit.orchestrator.prompt import unproven_notice
from befit.orchestrator.relay import Relay, StreamOpening
from befit.orchestrator.run import Run
from befit.policy import Verdict, Verdicts
from befit.routing import check_answer
from befit.vocabulary import Evidence, Impact, Purpose, Status


class Orchestrator:
    """Handles one request from its caller's key to its answer's receipt."""

    def __init__(self, rooms: Collaborators) -> None:
        self._rooms = rooms
        self._calls = Calls(rooms)
        self._opening = Opening(rooms, self._calls)
        self._naming = WorkflowNaming(self._calls)
        self._eligibility = Eligibility(rooms)
        self._person = AskPerson(rooms)
        self._closings = Closings()
        self._embedding = EmbeddingStaircase(
            self._opening, self._eligibility, self._calls, self._closings
        )

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
            verdicts = await self._opening.authorise(run)
            self._eligibility.plan(run, verdicts)
            return await self._climb(run)

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
            verdicts = await self._opening.authorise(run)
            self._eligibility.plan(run, verdicts)
            return await ending.explained(run, self._status_of_plan(run, verdicts))

    async def embed(self, arrival: EmbeddingArrival) -> EmbeddingAnswer:
        """Vectors for texts, under a decision of their own."""
        return await self._embedding.handle(arrival)

    async def bulk(self, arrival: BulkArrival) -> BulkRun:
        """An open decision for many rows; leaving its context closes it, whatever happened.

        Raises:
            NotFound: no such workflow.
        """
        model = f"workflow:{arrival.workflow}" if arrival.workflow else "bulk"
        request = ChatRequest(
            fields={"messages": msgspec.Raw(arrival.content)},
            model=model,
            messages=(),
            befit=arrival.befit,
        )
        run = self._opening.open(arrival.principal, request, arrival.kind, arrival.source)
        async with ending.closing(run, self._closings):
            if arrival.workflow:
                await self._naming.name(run)
            await self._opening.classify(run)
        return BulkRun(run, self._rooms, self._calls, self._closings)

    async def drain(self) -> None:
        """Wait until every decision under way is closed; called before the ledger closes."""
        await self._closings.drain()

    async def _climb(self, run: Run) -> Answer | StreamedAnswer:
        """Go up the route: reserve, call, check; escalate or fall back; at the end a person."""
        route = run.route
        if route is None or not (route.models or route.ends_at_person):
            raise refusal(run)
        _require_one_choice(run)
        purpose, because = Purpose.ANSWER, None
        failure: BefitError | None = None
        proposed: tuple[ChatCompletion, ModelCard] | None = None
        for card in route.models:
            verdict = await self._calls.verdict(run, card, purpose)
            if not verdict.permitted:  # it may answer, but not be fallen back or escalated to
                failure = failure or forbidden(card, verdict)
                continue
            prepared = run.prepared_for(card)
            if exceeds_ceiling(run, prepared.most_usd):
                continue
            self._take(run, card)
            intent = Intent(purpose=purpose, most_usd=prepared.most_usd, because=because)
            try:
                permitted = await self._calls.reserve(run, card, intent)
                call = _model_call(run, permitted, prepared.request)
                if _may_relay(run, verdict):
                    return await self._relay(run, permitted, call)
                completion = await self._call(run, permitted, call)
            except NEXT_MODEL_MAY_HELP as error:
                failure, purpose, because = error, Purpose.FALLBACK, f"{card.name}: {error}"
                continue
            if self._passes(run, completion):
                return await self._release(run, completion, verdict)
            proposed = completion, card
            purpose, because = Purpose.ESCALATION, f"{card.name}: {run.checks[-1].detail}"
        return await self._end_of_route(run, proposed, failure, because)

    async def _end_of_route(
        self,
        run: Run,
        proposed: tuple[ChatCompletion, ModelCard] | None,
        failure: BefitError | None,
        because: str | None,
    ) -> Answer:
        """No model's answer passed: what was proposed, or the bare question, goes to a person."""
        if proposed is not None:
            completion, card = proposed
            self._take(run, card)
            return await self._person.ask(run, completion, because=because or "")
        if run.route is not None and run.route.ends_at_person:
            run.answering, run.evidence = None, Evidence.NONE
            return await self._person.ask(run, None, because=because or "no eligible model")
        raise failure or refusal(run)

    def _take(self, run: Run, card: ModelCard) -> None:
        run.answering = card
        run.evidence = self._rooms.evidence(run.principal.tenant).evidence(card, run.workflow)

    async def _call(self, run: Run, permitted: PermittedCall, call: ModelCall) -> ChatCompletion:
        async with self._calls.settling(run, permitted) as settlement:
            completion = await self._rooms.caller.chat(call)
            settlement.usage = completion.usage
        redaction = run.redaction_for(permitted.card)
        return redaction.restored(completion) if redaction else completion

    async def _relay(self, run: Run, permitted: PermittedCall, call: ModelCall) -> StreamedAnswer:
        """Open a stream; until its first chunk has come a failure falls back."""
        chunks = self._rooms.caller.stream(call)
        try:
            first = await anext(chunks, None)
            if first is None:
                raise ModelFailure(f"model {call.card.name} ended its stream before it began")
        except BaseException as error:
            await chunks.aclose()
            self._calls.settle_failed(run, permitted, Settlement(), error)
            raise
        relay = Relay(
            run,
            permitted,
            StreamOpening(first=first, rest=chunks, input_bytes=call.request.input_bytes),
            calls=self._calls,
            closings=self._closings,
            notice=unproven_notice(call.card.name) if ending.needs_notice(run) else "",
        )
        return StreamedAnswer(standing=run.standing(), opened=run.log.opened, events=relay)

    def _passes(self, run: Run, completion: ChatCompletion) -> bool:
        """Check the answer. A request for one named model gets what that model says."""
        if run.workflow is None:
            return True
        check = check_answer(run.workflow, completion, self._rooms.checks)
        if check is None:
            return True
        run.checks.append(check)
        return check.passed or run.named_model is not None

    async def _release(self, run: Run, completion: ChatCompletion, verdict: Verdict) -> Answer:
        if not verdict.unattended:
            because = "; ".join(verdict.person_reasons) or "policy wants a person"
            return await self._person.ask(run, completion, because=because)
        return await ending.answered(run, completion)

    def _status_of_plan(self, run: Run, verdicts: Verdicts) -> Status:
        route = run.route
        if route is not None and route.models:
            first = route.models[0]
            self._take(run, first)
            alone = verdicts.by_model[first.name].unattended
            return Status.ANSWERED if alone else Status.PENDING_PERSON
        at_person = route is not None and route.ends_at_person
        return Status.PENDING_PERSON if at_person else Status.REFUSED


def _require_one_choice(run: Run) -> None:
    """Where an answer is checked or put before a person, there is exactly one."""
    workflow = run.workflow
    if run.request.choices == 1 or workflow is None or run.named_model is not None:
        return
    if workflow.check.kind is not CheckKind.NONE or workflow.impact is Impact.HIGH:
        raise InvalidRequest(
            f"workflow {workflow.name!r} releases one checked answer, not {run.request.choices}",
            next_step="leave n out",
            param="n",
        )


def _may_relay(run: Run, verdict: Verdict) -> bool:
    """Tokens go out as they come only where nothing is decided on the whole answer."""
    if not run.request.stream or not verdict.unattended:
        return False
    if run.named_model is not None or run.workflow is None:
        return True
    return run.workflow.check.kind is CheckKind.NONE


def _model_call(run: Run, permitted: PermittedCall, request: ChatRequest) -> ModelCall:
    return ModelCall(
        permit=permitted.permit,
        card=permitted.card,
        request=request,
        labels=run.workflow.labels if run.workflow else (),
    )
