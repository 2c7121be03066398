"""Steps "reserve, call, check, escalate" and "ask a person": up the route to what passes."""

from __future__ import annotations

from befit.catalog import AnswerMode, CheckKind, ModelCard
from befit.errors import BefitError, InvalidRequest, ModelFailure
from befit.messages import ChatCompletion, ChatRequest
from befit.orchestrator import ending
from befit.orchestrator.account import Intent
from befit.orchestrator.answer import Answer, StreamedAnswer
from befit.orchestrator.attempt import Attempt
from befit.orchestrator.calls import (
    NEXT_MODEL_MAY_HELP,
    Calls,
    PermittedCall,
    Settlement,
    forbidden,
    model_call,
)
from befit.orchestrator.closings import Closings
from befit.orchestrator.collaborators import Collaborators
from befit.orchestrator.consultation import Consultation
from befit.orchestrator.eligibility import exceeds_ceiling, refusal
from befit.orchestrator.person import AskPerson
from befit.orchestrator.prompt import unproven_notice
from befit.orchestrator.quoting import Quoting
from befit.orchestrator.relay import Relay, StreamOpening
from befit.orchestrator.releasing import Releasing
from befit.orchestrator.run import Run
from befit.orchestrator.writing import Writing
from befit.policy import Verdict
from befit.routing import check_answer
from befit.vocabulary import Evidence, Impact, Purpose


class Climbing:
    """Tries the models of a route in order; what passes is released, or put before a person."""

    def __init__(self, rooms: Collaborators, calls: Calls, closings: Closings) -> None:
        self._rooms = rooms
        self._calls = calls
        self._closings = closings
        self._quoting = Quoting(rooms, calls)
        self._writing = Writing(calls)
        self._releasing = Releasing(rooms)
        self._person = AskPerson(rooms)

    async def climb(self, run: Run) -> Answer | StreamedAnswer:
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
            self.take(run, card)
            intent = Intent(purpose=purpose, most_usd=prepared.most_usd, because=because)
            try:
                attempt = await self._attempt(run, card, intent, prepared.request, verdict)
            except NEXT_MODEL_MAY_HELP as error:
                failure, purpose, because = error, Purpose.FALLBACK, f"{card.name}: {error}"
                continue
            if isinstance(attempt, StreamedAnswer):
                return attempt
            if attempt.fault is None:
                return await self._release(run, attempt.completion, verdict)
            proposed = attempt.completion, card
            purpose, because = Purpose.ESCALATION, f"{card.name}: {attempt.fault}"
        return await self._end_of_route(run, proposed, failure, because)

    def take(self, run: Run, card: ModelCard) -> None:
        """Let a card be the one that answers, with what stands behind it."""
        run.answering = card
        run.evidence = self._rooms.evidence(run.principal.tenant).evidence(card, run.workflow)

    async def _attempt(
        self, run: Run, card: ModelCard, intent: Intent, request: ChatRequest, verdict: Verdict
    ) -> Attempt | StreamedAnswer:
        """One card's answer, checked; or its stream, where nothing is decided on the whole."""
        consultation = run.consultation
        if consultation is not None:
            attempt = await self._from_documents(run, consultation, card, intent)
            return attempt if attempt.fault else self._checked(run, attempt.completion)
        permitted = await self._calls.reserve(run, card, intent)
        if _may_relay(run, verdict):
            return await self._relay(run, permitted, request)
        return self._checked(run, await self._calls.chat(run, permitted, request))

    async def _from_documents(
        self, run: Run, consultation: Consultation, card: ModelCard, intent: Intent
    ) -> Attempt:
        """Quoted by the embedder that searched, written by any other."""
        quotes = consultation.mode is AnswerMode.QUOTE or card == consultation.embedder
        mode = self._quoting if quotes else self._writing
        return await mode.answer(run, consultation, card, intent)

    def _checked(self, run: Run, completion: ChatCompletion) -> Attempt:
        """Check an answer as its workflow asks. One named model's is taken as it says it."""
        if run.workflow is None:
            return Attempt(completion=completion)
        check = check_answer(run.workflow, completion, self._rooms.checks)
        if check is None:
            return Attempt(completion=completion)
        run.checks.append(check)
        passes = check.passed or run.named_model is not None
        return Attempt(completion=completion, fault=None if passes else check.detail)

    async def _release(self, run: Run, completion: ChatCompletion, verdict: Verdict) -> Answer:
        await self._releasing.prepare(run, completion.text, unattended=verdict.unattended)
        if not verdict.unattended:
            because = "; ".join(verdict.person_reasons) or "policy wants a person"
            return await self._person.ask(run, completion, because=because)
        return await ending.answered(run, completion)

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
            self.take(run, card)
            if run.named_model is not None:
                raise ModelFailure(
                    f"what the model wrote the documents do not support ({because or card.name})",
                    next_step="leave the model out, and the documents are quoted",
                )
            await self._releasing.prepare(run, completion.text, unattended=False)
            return await self._person.ask(run, completion, because=because or "")
        if run.route is not None and run.route.ends_at_person:
            run.answering, run.evidence = None, Evidence.NONE
            return await self._person.ask(run, None, because=because or "no eligible model")
        raise failure or refusal(run)

    async def _relay(
        self, run: Run, permitted: PermittedCall, request: ChatRequest
    ) -> StreamedAnswer:
        """Open a stream; until its first chunk has come a failure falls back."""
        call = model_call(run, permitted, request)
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
