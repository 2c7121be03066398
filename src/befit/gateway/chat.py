"""`ChatEndpoint`: POST /v1/chat/completions, the hot path, in bare ASGI."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

from befit.audit import encode_receipt
from befit.errors import Overloaded
from befit.gateway.bearer import bearer_in
from befit.gateway.body import read_body
from befit.gateway.completion import OutgoingAnswer
from befit.gateway.failure import error_body
from befit.gateway.flight import Flights
from befit.gateway.limits import Limits
from befit.gateway.reply import STREAM_HEADERS, Header, Message, Receive, Scope, Send, send_json
from befit.identity import Authenticator
from befit.messages import ChatRequest
from befit.orchestrator import Arrival, Orchestrator, StreamedAnswer


class ChatEndpoint:
    """Hands chat requests to the orchestrator and its answers to the client."""

    def __init__(
        self,
        orchestrator: Orchestrator,
        authenticator: Authenticator,
        *,
        limits: Limits,
        flights: Flights,
    ) -> None:
        self._orchestrator = orchestrator
        self._authenticator = authenticator
        self._limits = limits
        self._flights = flights

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. Who asks is settled before any of the body is kept."""
        principal = await self._authenticator.authenticate(bearer_in(scope))
        body = await read_body(scope, receive, limit=self._limits.max_body_bytes)
        request = ChatRequest.from_json(body)
        answer = await self._orchestrator.handle(Arrival(caller=principal, request=request))
        if isinstance(answer, StreamedAnswer):
            await self._relay(answer, send)
            return
        outgoing = OutgoingAnswer(answer)
        if request.stream:
            await _start_stream(send, *outgoing.headers)
            events = b"".join(outgoing.events(request))
            await send({"type": "http.response.body", "body": events})
        else:
            await send_json(send, outgoing.body(), headers=outgoing.headers)

    async def _relay(self, answer: StreamedAnswer, send: Send) -> None:
        """Pass events on as they come; a slow reader slows the upstream down."""
        try:
            async with aclosing(answer.events) as events:
                await _start_stream(
                    send,
                    (b"befit-decision", answer.standing.decision_id.encode()),
                    (b"befit-receipt", encode_receipt(answer.opened).encode()),
                )
                async for event in events:
                    await send({"type": "http.response.body", "body": event, "more_body": True})
        except asyncio.CancelledError:
            if not self._flights.is_stopping:
                raise  # the client has gone
            await send(_last_event(answer))
        await send({"type": "http.response.body", "body": b""})


async def _start_stream(send: Send, *headers: Header) -> None:
    await send(
        {"type": "http.response.start", "status": 200, "headers": [*STREAM_HEADERS, *headers]}
    )


def _last_event(answer: StreamedAnswer) -> Message:
    error = Overloaded("the server stopped before the answer was whole", next_step="ask again")
    error.decision_id = answer.standing.decision_id
    event = b"data: " + error_body(error) + b"\n\n"
    return {"type": "http.response.body", "body": event, "more_body": True}
