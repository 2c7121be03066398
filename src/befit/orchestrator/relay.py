"""Relaying a stream: chunks as they come, the finish held until the decision is closed."""

from __future__ import annotations

import hashlib
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass

import msgspec

from befit.audit import Receipt
from befit.errors import BefitError, LedgerUnavailable, ModelFailure, StreamBroken
from befit.messages import ChatChunk, TokenUsage
from befit.orchestrator import ending
from befit.orchestrator.answer import befit_object
from befit.orchestrator.calls import Calls, PermittedCall, Settlement
from befit.orchestrator.closings import Closings
from befit.orchestrator.redaction import RestoredStream
from befit.orchestrator.run import Run
from befit.vocabulary import Status

DONE = b"data: [DONE]\n\n"


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamOpening:
    """A stream whose first chunk has come: what can fall back has not failed."""

    first: ChatChunk
    rest: AsyncGenerator[ChatChunk, None]
    input_bytes: int


class Relay:
    """One stream on its way to the caller.

    Promise 5 for streams: the `finish_reason` chunk leaves only once `settled` and `closed`
    are durable. A stream that breaks ends in an error event and never in `[DONE]`; one that
    its caller leaves is cancelled upstream and closed as cut.
    """

    def __init__(
        self,
        run: Run,
        call: PermittedCall,
        opening: StreamOpening,
        *,
        calls: Calls,
        closings: Closings,
        notice: str = "",
    ) -> None:
        self._run = run
        self._call = call
        self._calls = calls
        self._closings = closings
        self._first = opening.first
        self._rest = opening.rest
        self._input_bytes = opening.input_bytes
        self._notice = notice
        redaction = run.redaction_for(call.card)
        self._restored = RestoredStream(redaction) if redaction else None
        self._events = self._relayed()
        self._sha256 = hashlib.sha256()
        self._settlement = Settlement(first_token_ms=(time.perf_counter() - call.started) * 1000)
        self._counted = 0
        self._reported: TokenUsage | None = None
        self._is_settled = False

    def __aiter__(self) -> AsyncGenerator[bytes, None]:
        """Server-sent events for the caller, ready to be written."""
        return self._events

    async def aclose(self) -> None:
        """End the stream here; also where not one event of it was ever taken."""
        await self._events.aclose()
        await self._left()

    async def _relayed(self) -> AsyncGenerator[bytes, None]:
        try:
            finishes: list[ChatChunk] = []  # one a choice
            usage_chunk: ChatChunk | None = None
            async for chunk in self._chunks():
                if chunk.is_usage_only:
                    usage_chunk = chunk
                elif chunk.finish_reason is not None:
                    finishes.append(chunk)
                else:
                    yield _event(chunk.data)
            if not finishes:
                raise StreamBroken(f"model {self._call.card.name} ended without a finish")
            if self._notice:
                yield _event(_with_text(finishes[0].data, self._notice))
            receipt = await self._close("answered", outcome="ok")
            for chunk in finishes[:-1]:
                yield _event(chunk.data)
            yield _event(_with_befit(finishes[-1].data, self._run, receipt))
            if usage_chunk is not None and self._run.request.include_usage:
                yield _event(usage_chunk.data)
            yield DONE
        except (ModelFailure, LedgerUnavailable) as error:
            yield await self._broken(error)
        finally:
            await self._left()

    async def _chunks(self) -> AsyncIterator[ChatChunk]:
        """The chunks as the caller shall see them, each counted as it came."""
        async with aclosing(self._rest) as rest:
            for chunk in self._taken(self._first):
                yield chunk
            async for taken in rest:
                for chunk in self._taken(taken):
                    yield chunk

    def _taken(self, chunk: ChatChunk) -> tuple[ChatChunk, ...]:
        self._count(chunk)
        return self._restored.restored(chunk) if self._restored else (chunk,)

    def _count(self, chunk: ChatChunk) -> None:
        self._counted += chunk.tokens
        self._sha256.update(chunk.data)
        if chunk.usage is not None:
            self._reported = chunk.usage

    async def _broken(self, error: BefitError) -> bytes:
        error.decision_id = self._run.decision_id
        if not isinstance(error, LedgerUnavailable):
            try:
                await self._close("failed", outcome="failed", error=error)
            except LedgerUnavailable as ledger_error:
                error = ledger_error
        body = {
            "error": {
                "message": str(error),
                "type": error.code,
                "code": error.code,
                "decision_id": self._run.decision_id,
            }
        }
        return _event(msgspec.json.encode(body))

    async def _left(self) -> None:
        """The caller has gone, or the server is stopping: end upstream, close the decision."""
        if self._is_settled:
            return
        await self._closings.finish(self._cut())

    async def _cut(self) -> None:
        await self._rest.aclose()
        await self._close("cut", outcome="cut")

    async def _close(
        self, status: str, *, outcome: str, error: BefitError | None = None
    ) -> Receipt:
        if not self._is_settled:
            self._is_settled = True
            self._settlement.outcome = outcome
            self._settlement.usage = self._usage(is_whole=outcome == "ok")
            self._settlement.is_estimate = outcome != "ok"
            self._calls.settle(self._run, self._call, self._settlement, error=error)
        return await ending.close(
            self._run, status, output_sha256=self._sha256.hexdigest(), error=error
        )

    def _usage(self, *, is_whole: bool) -> TokenUsage | None:
        """What to settle at: what was reported, or for a cut the larger of both counts.

        Bytes bound tokens from above, so an unreported input never settles too low.
        """
        reported = self._reported
        if is_whole:
            return reported
        counted = TokenUsage(input=self._input_bytes, output=self._counted)
        if reported is None:
            return counted
        return TokenUsage(
            input=reported.input,
            cached_input=reported.cached_input,
            output=max(reported.output, self._counted),
            reasoning=reported.reasoning,
        )


def _event(data: bytes) -> bytes:
    return b"data: " + data + b"\n\n"


def _with_befit(data: bytes, run: Run, receipt: Receipt) -> bytes:
    fields = msgspec.json.decode(data, type=dict[str, msgspec.Raw])
    fields["befit"] = msgspec.Raw(
        msgspec.json.encode(befit_object(run.standing(), status=Status.ANSWERED, receipt=receipt))
    )
    return msgspec.json.encode(fields)


def _with_text(finish: bytes, text: str) -> bytes:
    """A content chunk in the form of the stream's own chunks."""
    fields = msgspec.json.decode(finish, type=dict[str, msgspec.Raw])
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    fields["choices"] = msgspec.Raw(msgspec.json.encode([choice]))
    fields.pop("usage", None)
    return msgspec.json.encode(fields)
