"""`BulkRun`: many rows under one decision, with one permit and one settlement a model.

    async with await orchestrator.bulk(arrival) as bulk:
        await bulk.permit(card, cases, Purpose.EVALUATION)
        rows = [await bulk.answer(case, card) for case in cases]

`evaluate`, `predict`, `train` and the probe of `models add` go this way. Every row passes
the same preparation, permit check and provider as a single request; only the events are
one pair a model, the `settled` one committing to a sealed table of the rows.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from types import TracebackType

import msgspec

from befit.catalog import ModelCard
from befit.errors import BefitError, Forbidden, PermitDenied
from befit.inference import ModelCall, ProbeResult, TextsCall, probe
from befit.messages import ChatRequest, Embeddings, LabelDistribution, TokenUsage
from befit.metering import most_cost_usd
from befit.orchestrator import ending
from befit.orchestrator.account import BulkRows
from befit.orchestrator.bulk_content import BulkContent
from befit.orchestrator.bulk_searches import BulkSearches
from befit.orchestrator.bulk_texts import BulkTexts
from befit.orchestrator.calls import (
    Calls,
    Intent,
    PermittedCall,
    Settlement,
    may_have_cost,
)
from befit.orchestrator.closings import Closings
from befit.orchestrator.collaborators import Collaborators
from befit.orchestrator.prompt import prepare
from befit.orchestrator.run import Run
from befit.policy import Form
from befit.policy.detection import Examination
from befit.routing import Candidate, Gate
from befit.vocabulary import Evidence, Purpose

_LIFETIME_S = 6 * 3600.0
_ERROR_CHARACTERS = 300


@dataclass(frozen=True, kw_only=True, slots=True)
class BulkCase:
    """One row's input."""

    id: str
    request: ChatRequest


@dataclass(frozen=True, kw_only=True, slots=True)
class BulkRow:
    """One row's outcome. `error` is set where the call failed.

    Attributes:
        output: None where it failed, where a specialist abstained, and for an embedding.
        cost_usd: None is an unknown price.
    """

    id: str
    model: str
    output: str | None = None
    confidence: float | None = None
    latency_ms: float
    usage: TokenUsage = field(default_factory=TokenUsage)
    cost_usd: Decimal | None
    error: str | None = None


@dataclass(kw_only=True, slots=True)
class _Account:
    """What one model's rows came to so far.

    `open_usd` is the most that calls under way can cost: where the run is cut, they are
    settled at it. `policy` is the hash of the rules that permitted it last.
    """

    call: PermittedCall
    policy: str
    evidence: Evidence
    rows: list[BulkRow] = field(default_factory=list[BulkRow])
    cost_usd: Decimal | None = Decimal(0)
    open_usd: Decimal | None = Decimal(0)

    def begin(self, most_usd: Decimal | None) -> None:
        """A call that can cost that much has begun."""
        self.open_usd = _plus(self.open_usd, most_usd)

    def end(self, most_usd: Decimal | None, charged_usd: Decimal | None) -> None:
        """It has ended and is charged."""
        if self.open_usd is not None and most_usd is not None:
            self.open_usd -= most_usd
        self.cost_usd = _plus(self.cost_usd, charged_usd)


class BulkRun:
    """One decision over many rows. Use `Orchestrator.bulk(..)` to get an open one.

    Leaving its context settles every model and closes the decision, whatever happened.

    Attributes:
        texts: embeds rows batch by batch, where there are more than a permit should cover.
        searches: searches documents for rows, each by the rights of its own reader.
    """

    def __init__(self, run: Run, rooms: Collaborators, calls: Calls, closings: Closings) -> None:
        self._run = run
        self._rooms = rooms
        self._calls = calls
        self._closings = closings
        self._accounts: dict[str, _Account] = {}
        self._content = BulkContent(run, rooms.released)
        self.texts = BulkTexts(run, rooms, calls)
        self.searches = BulkSearches(run, rooms, calls)

    @property
    def decision_id(self) -> str:
        """The one decision of all rows."""
        return self._run.decision_id

    @property
    def cost_usd(self) -> Decimal | None:
        """What all rows cost, once closed; None where one price is unknown."""
        return self._run.cost_usd

    async def __aenter__(self) -> BulkRun:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None or isinstance(error, BefitError):
            await self.close(error)
        else:
            # Cancelled: the closing must outlive the task that is being ended.
            status = "failed" if isinstance(error, Exception) else "cut"
            await self._closings.finish(self._end(status))

    async def permit(self, card: ModelCard, cases: Sequence[BulkCase], purpose: Purpose) -> None:
        """Reserve and permit one call a case on `card`; one durable event.

        Raises:
            Forbidden: policy does not permit the card for this class.
            BudgetExhausted: all cases together can cost more than what is left.
        """
        run = self._run
        await self._content.join([case.request for case in cases])
        run.situation = await self._calls.situation(run, (card,), purpose=purpose)
        verdict = await self._calls.verdict(run, card, purpose)
        if not verdict.permitted:
            denied = Candidate(card=card, gate=Gate.POLICY, reasons=verdict.reasons)
            run.candidates = (*run.candidates, denied)
        elif purpose is Purpose.ANSWER and not verdict.unattended:
            raise Forbidden(
                f"answers of {card.name!r} may not go out unattended",
                next_step="run the workflow for each: its answers then wait for a person",
            )
        elif purpose is Purpose.TRAINING and verdict.form is Form.REDACTED:
            raise Forbidden(
                "policy lets these cases be read redacted only, and training learns from them "
                "as they are",
                next_step="take the findings out of the cases, or name the purpose training",
            )
        intent = Intent(
            purpose=purpose,
            most_usd=await asyncio.to_thread(self._most_of, cases, card),
            calls=max(1, len(cases)),
            lifetime_s=_LIFETIME_S,
        )
        run.evidence = self._rooms.evidence(run.principal.tenant).evidence(card, run.workflow)
        call = await self._calls.reserve(run, card, intent)
        self._accounts[card.name] = _Account(
            call=call, policy=run.policy.hash, evidence=run.evidence
        )

    async def examine(self, texts: Sequence[str]) -> Examination | None:
        """What the texts hold, joined into the class of the whole bulk."""
        examine = self._run.in_force.examine
        if examine is None:
            return None
        found = await asyncio.to_thread(examine, texts)
        self._run.classification = self._run.classification.joined(found)
        return found

    async def answer(self, case: BulkCase, card: ModelCard) -> BulkRow:
        """One case through one model. A failed call is a row with its error, not an exception."""
        account = await self._permitted(card)
        request = self._prepared(case, card)
        most_usd = most_cost_usd(card, request)
        account.begin(most_usd)
        started = time.perf_counter()
        workflow = self._run.workflow
        call = ModelCall(
            permit=account.call.permit,
            card=card,
            request=request,
            labels=workflow.labels if workflow else (),
        )
        try:
            completion = await self._rooms.caller.chat(call)
            redaction = self._content.redaction(case.request, self._run.form_for(card))
            completion = redaction.restored(completion) if redaction else completion
        except BefitError as error:
            charged = most_usd if may_have_cost(error) else Decimal(0)
            row = _failed(case, card, started, error)
        else:
            charged = card.cost_usd(completion.usage) if completion.usage else most_usd
            row = BulkRow(
                id=case.id,
                model=card.name,
                output=completion.text,
                confidence=completion.confidence,
                latency_ms=_ms_since(started),
                usage=completion.usage or TokenUsage(),
                cost_usd=charged,
            )
        account.end(most_usd, charged)
        account.rows.append(row)
        return row

    async def classify(
        self, cases: Sequence[BulkCase], card: ModelCard
    ) -> tuple[LabelDistribution, ...]:
        """Many cases through a specialist in one batch; one row each is kept."""
        account = await self._permitted(card)
        started = time.perf_counter()
        texts = tuple(self._sent(case, card).text for case in cases)
        call = TextsCall(permit=account.call.permit, card=card, texts=texts)
        found = await self._rooms.caller.classify(call)
        each_ms = _ms_since(started) / max(1, len(cases))
        account.rows.extend(
            BulkRow(
                id=case.id,
                model=card.name,
                output=None if labels.abstained else labels.label,
                confidence=labels.confidence,
                latency_ms=each_ms,
                cost_usd=card.cost_usd(TokenUsage()),
            )
            for case, labels in zip(cases, found, strict=True)
        )
        return found

    async def embed(self, cases: Sequence[BulkCase], card: ModelCard) -> Embeddings:
        """Vectors for many texts in one call; one row a case, its tokens on the first."""
        account = await self._permitted(card)
        most_usd = self._most_of(cases, card)
        account.begin(most_usd)
        started = time.perf_counter()
        texts = tuple(self._sent(case, card).text for case in cases)
        call = TextsCall(permit=account.call.permit, card=card, texts=texts)
        embeddings = await self._rooms.caller.embed(call)
        each_ms = _ms_since(started) / max(1, len(cases))
        charged = card.cost_usd(embeddings.usage)
        account.end(most_usd, charged)
        for number, case in enumerate(cases):
            first = number == 0
            account.rows.append(
                BulkRow(
                    id=case.id,
                    model=card.name,
                    latency_ms=each_ms,
                    usage=embeddings.usage if first else TokenUsage(),
                    cost_usd=charged if first else Decimal(0),
                )
            )
        return embeddings

    async def probe(self, case: BulkCase, card: ModelCard) -> ProbeResult:
        """One small call that shows what answers behind a card, and how fast.

        Raises:
            ModelFailure: the call failed; the error says how.
        """
        account = await self._permitted(card)
        # Few servers tell what a probe's input came to, so it is charged in full.
        charged = self._most_usd(case, card)
        account.begin(charged)
        result = await probe(card, self._rooms.caller, account.call.permit)
        account.end(charged, charged)
        account.rows.append(
            BulkRow(
                id=case.id,
                model=card.name,
                output=result.text,
                latency_ms=result.latency_ms,
                usage=TokenUsage(output=result.output_tokens or 0),
                cost_usd=charged,
            )
        )
        return result

    async def close(self, error: BefitError | None = None) -> None:
        """Settle every model with its table of rows, and close the decision."""
        if error is None:
            await self._end("answered")
            return
        await self._settle_all(error)
        await ending.refused(self._run, error)

    async def _end(self, status: str) -> None:
        await self._settle_all(None)
        await self.texts.situate()
        run, accounts = self._run, list(self._accounts.values())
        only = accounts[0] if len(accounts) == 1 else None
        run.answering = only.call.card if only else self.texts.answering
        run.evidence = only.evidence if only else Evidence.NONE
        await ending.close(run, status)

    async def _settle_all(self, error: BefitError | None) -> None:
        for account in self._accounts.values():
            rows = msgspec.json.Encoder(decimal_format="string").encode_lines(account.rows)
            table = await self._rooms.tables.keep(
                self._run.principal.tenant,
                rows,
                subject=self._run.principal.id,
                data_class=self._run.classification.data_class,
            )
            is_free = error is not None and not may_have_cost(error)
            open_usd = Decimal(0) if is_free else account.open_usd
            settlement = Settlement(
                usage=sum((row.usage for row in account.rows), TokenUsage()),
                outcome="ok" if error is None else "failed",
                rows=BulkRows(
                    n=len(account.rows), table=table, cost_usd=_plus(account.cost_usd, open_usd)
                ),
            )
            self._calls.settle(self._run, account.call, settlement, error=error)

    async def _permitted(self, card: ModelCard) -> _Account:
        """The card's account, once it is sure that the rules in force still permit a call."""
        account = self._accounts.get(card.name)
        if account is None:
            raise PermitDenied(f"model {card.name!r} has no permit in this bulk")
        account.policy = await self._calls.confirm(self._run, account.call, under=account.policy)
        return account

    def _sent(self, case: BulkCase, card: ModelCard) -> ChatRequest:
        return self._content.sent(case.request, self._run.form_for(card))

    def _prepared(self, case: BulkCase, card: ModelCard) -> ChatRequest:
        return prepare(self._sent(case, card), self._run.workflow, card)

    def _most_usd(self, case: BulkCase, card: ModelCard) -> Decimal | None:
        return most_cost_usd(card, self._prepared(case, card))

    def _most_of(self, cases: Sequence[BulkCase], card: ModelCard) -> Decimal | None:
        """The most that all cases together can cost; None where a price is unknown."""
        total: Decimal | None = Decimal(0)
        for case in cases:
            total = _plus(total, self._most_usd(case, card))
        return total


def _failed(case: BulkCase, card: ModelCard, started: float, error: BefitError) -> BulkRow:
    return BulkRow(
        id=case.id,
        model=card.name,
        latency_ms=_ms_since(started),
        cost_usd=None,
        error=f"{error.code}: {error.message}"[:_ERROR_CHARACTERS],
    )


def _ms_since(started: float) -> float:
    return (time.perf_counter() - started) * 1000


def _plus(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    return None if one is None or other is None else one + other
