"""Reserve, permit, settle: the only way from the staircase to a model.

Minting a permit takes policy's verdict and metering's reservation; both are made durable
in the ledger before the permit leaves this file.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal

from befit.audit import EventType
from befit.catalog import ModelCard
from befit.errors import (
    BefitError,
    BudgetExhausted,
    ContextTooLong,
    Forbidden,
    ModelFailure,
    Overloaded,
    WeightsMissing,
)
from befit.inference import ModelCall, ModelCaller, Permit
from befit.messages import ChatCompletion, ChatRequest, TokenUsage
from befit.metering import BudgetScope, Reservation, most_cost_usd
from befit.orchestrator import account
from befit.orchestrator.account import Intent
from befit.orchestrator.collaborators import Collaborators
from befit.orchestrator.run import UNKNOWN_YET, Run
from befit.policy import (
    Form,
    Situation,
    SpendBand,
    Verdict,
    workflow_facts,
)
from befit.vocabulary import Purpose, new_id

NEXT_MODEL_MAY_HELP = (ModelFailure, BudgetExhausted, ContextTooLong, Overloaded, WeightsMissing)
"""Errors that concern one model: another may still answer."""

_PERMIT_SLACK_S = 30.0
"""A permit outlives its call's own timeout by this much, so that expiry never cuts a good call."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PermittedCall:
    """A call that may be made: its permit, what is reserved for it, and when it began."""

    permit: Permit
    card: ModelCard
    reservation: Reservation
    scopes: tuple[BudgetScope, ...]
    most_usd: Decimal | None
    started: float = field(default_factory=time.perf_counter)


@dataclass(kw_only=True, slots=True)
class Settlement:
    """What the caller learned about a call's use before it is settled.

    `usage` None means that the model reported none: the call is settled in full. A bulk's
    rows carry their own cost.
    """

    usage: TokenUsage | None = None
    outcome: str = "ok"
    first_token_ms: float | None = None
    is_estimate: bool = False
    rows: account.BulkRows | None = None


class Calls:
    """Makes calls possible and accounts for them."""

    def __init__(self, rooms: Collaborators) -> None:
        self._rooms = rooms

    @property
    def caller(self) -> ModelCaller:
        """Where permitted calls are made."""
        return self._rooms.caller

    async def situation(
        self, run: Run, cards: tuple[ModelCard, ...], *, purpose: Purpose
    ) -> Situation:
        """The complete question to policy for these cards at this point of the run."""
        workflow, said = run.workflow, run.classification
        scopes = run.in_force.scopes(run.principal, workflow)
        spent = await self._rooms.budgets.spent_share(scopes) if scopes else None
        return Situation(
            principal=run.principal,
            purpose=purpose,
            data_class=said.data_class,
            class_origin=said.origin,
            tags=said.tags,
            redacted_class=said.redacted_class,
            redacted_tags=said.redacted_tags,
            can_redact=said.can_redact,
            hour=run.hour,
            spend_band=SpendBand.of(spent),
            catalog_version=run.catalog.version,
            candidate_names=tuple(card.name for card in cards),
            candidates=cards,
            **workflow_facts(workflow),
        )

    async def verdict(self, run: Run, card: ModelCard, purpose: Purpose) -> Verdict:
        """Policy's verdict on one card for what it is to be called for now.

        A model that may answer may still be forbidden as a fallback. The form that the verdict
        allows is the run's from here on.
        """
        situation = run.situation
        is_asked = situation is not None and situation.purpose is purpose
        if situation is None or not is_asked or card.name not in situation.candidate_names:
            situation = await self.situation(run, (card,), purpose=purpose)
        verdict = run.policy.decide(situation).by_model[card.name]
        run.take_form(card, verdict.form)
        return verdict

    async def reserve(self, run: Run, card: ModelCard, intent: Intent) -> PermittedCall:
        """Ask policy, reserve money, mint the permit, and make both durable before returning.

        Raises:
            Forbidden: policy does not permit the card for this purpose.
            BudgetExhausted: what the call can cost exceeds what is left.
            LedgerUnavailable: the reservation could not be recorded.
        """
        verdict = await self.verdict(run, card, intent.purpose)
        if not verdict.permitted:
            raise forbidden(card, verdict)
        intent = replace(intent, rules=verdict.rule_ids)
        scopes = run.in_force.scopes(run.principal, run.workflow)
        reservation = await self._rooms.budgets.reserve(scopes, intent.most_usd)
        call = PermittedCall(
            permit=self._mint(run, card, reservation, intent),
            card=card,
            reservation=reservation,
            scopes=scopes,
            most_usd=intent.most_usd,
        )
        names = [scope.name for scope in scopes]
        fields = account.reserved(run, call.permit, card, intent=intent, scopes=names)
        run.log.stage(EventType.RESERVED, fields, step=run.step)
        try:
            await run.log.flush()
        except asyncio.CancelledError:
            # Reserved durably, and never called: it costs nothing, and the ledger must say so.
            self.settle(run, call, Settlement(usage=TokenUsage(), outcome="cut"))
            raise
        except BefitError:
            self._rooms.budgets.settle(reservation, Decimal(0))
            raise
        return call

    async def confirm(self, run: Run, call: PermittedCall, *, under: str) -> str:
        """Ask again where other rules are in force than those that permitted a call of many.

        Args:
            under: the hash of the rules that permitted it last.

        Returns:
            The hash of the rules that permit it now.

        Raises:
            Forbidden: they do not, or not as it was permitted: raw, or without a person.
        """
        policy = self._rooms.in_force().policy
        if policy.hash == under:
            return under
        card, purpose = call.card, call.permit.purpose
        situation = await self.situation(run, (card,), purpose=purpose)
        verdict = policy.decide(situation).by_model[card.name]
        if not verdict.permitted:
            raise forbidden(card, verdict)
        if verdict.form is Form.REDACTED and not call.permit.is_redacted:
            raise Forbidden(f"model {card.name!r} may no longer be sent the content raw")
        if purpose is Purpose.ANSWER and not verdict.unattended:
            raise Forbidden(f"answers of {card.name!r} may no longer go out unattended")
        return policy.hash

    async def reserve_inspection(
        self, run: Run, card: ModelCard, *, purpose: Purpose
    ) -> PermittedCall:
        """Leave to call a model on the device before the request's class is known."""
        known, run.classification = run.classification, UNKNOWN_YET
        try:
            intent = Intent(purpose=purpose, most_usd=most_cost_usd(card, run.request))
            return await self.reserve(run, card, intent)
        finally:
            run.classification = known

    async def chat(self, run: Run, call: PermittedCall, request: ChatRequest) -> ChatCompletion:
        """A permitted model's whole answer, settled, and as the caller shall see it.

        Raises:
            ModelFailure: the call failed; it is settled.
        """
        async with self.settling(run, call) as settlement:
            completion = await self.caller.chat(model_call(run, call, request))
            settlement.usage = completion.usage
        redaction = run.redaction_for(call.card)
        return redaction.restored(completion) if redaction else completion

    @asynccontextmanager
    async def settling(self, run: Run, call: PermittedCall) -> AsyncGenerator[Settlement]:
        """Settle the call however it ends; the event is staged, not yet durable."""
        settlement = Settlement()
        try:
            yield settlement
        except BaseException as error:
            self.settle_failed(run, call, settlement, error)
            raise
        else:
            self.settle(run, call, settlement)

    def settle_failed(
        self, run: Run, call: PermittedCall, settlement: Settlement, error: BaseException
    ) -> None:
        """Account for a call that ended in an error, or with its caller's leaving."""
        if isinstance(error, asyncio.CancelledError):
            settlement.outcome = "cut"
            self.settle(run, call, settlement)
            return
        settlement.outcome = "failed"
        told = error if isinstance(error, BefitError) else None
        if told is not None and not isinstance(error, ModelFailure):
            settlement.usage = TokenUsage()  # refused before any model saw it
        self.settle(run, call, settlement, error=told)

    def settle(
        self,
        run: Run,
        call: PermittedCall,
        settlement: Settlement,
        *,
        error: BefitError | None = None,
    ) -> None:
        """Account for a call: what it used, or, where nobody can say, all it could cost."""
        latency_ms = (time.perf_counter() - call.started) * 1000
        usage = settlement.usage
        cost_usd = call.most_usd if usage is None else call.card.cost_usd(usage)
        if usage is None and error is not None and not may_have_cost(error):
            cost_usd = Decimal(0)
        if settlement.is_estimate and cost_usd is not None and call.most_usd is not None:
            cost_usd = min(cost_usd, call.most_usd)
        if settlement.rows is not None:
            cost_usd = settlement.rows.cost_usd
        used = usage or TokenUsage()
        self._rooms.budgets.settle(call.reservation, cost_usd or Decimal(0))
        run.spend(used, cost_usd, latency_ms)
        end = account.CallEnd(
            outcome=settlement.outcome,
            usage=used,
            cost_usd=cost_usd,
            latency_ms=latency_ms,
            first_token_ms=settlement.first_token_ms,
            error=error,
            rows=settlement.rows,
        )
        scopes = [scope.name for scope in call.scopes]
        fields = account.settled(run, call.permit, call.card, scopes=scopes, end=end)
        run.log.stage(EventType.SETTLED, fields, step=run.step)

    def _mint(self, run: Run, card: ModelCard, reservation: Reservation, intent: Intent) -> Permit:
        lifetime_s = intent.lifetime_s or card.total_timeout_s + _PERMIT_SLACK_S
        return self._rooms.seal.seal(
            Permit(
                permit_id=new_id("permit"),
                tenant=run.principal.tenant,
                decision_id=run.decision_id,
                step=run.step,
                purpose=intent.purpose,
                data_class=run.classification.data_class,
                is_redacted=run.form_for(card) is Form.REDACTED,
                models=(card.name,),
                reservation_id=reservation.id,
                expires_at=time.time() + lifetime_s,
                calls=intent.calls,
            )
        )


def model_call(run: Run, call: PermittedCall, request: ChatRequest) -> ModelCall:
    """A permitted call as a provider takes it."""
    return ModelCall(
        permit=call.permit,
        card=call.card,
        request=request,
        labels=run.workflow.labels if run.workflow else (),
    )


def forbidden(card: ModelCard, verdict: Verdict) -> Forbidden:
    """What a caller is told of a model that policy does not permit."""
    return Forbidden(f"model {card.name!r} may not be called: {'; '.join(verdict.reasons)}")


def may_have_cost(error: BefitError) -> bool:
    """An upstream that could not be reached or refused has charged nothing."""
    return error.code not in {"model_unreachable", "model_refused"}
