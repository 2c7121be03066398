"""`CountingUpstream`: a scripted upstream that keeps what was true when each call arrived.

    async with CountingUpstream("ok", witness=lambda: ledger.read_bytes()) as upstream:
        ...
        assert b'"type":"reserved"' in upstream.visits[0].seen

For tests of promises about what must have happened *before* content reaches a model.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from befit.testing.upstream import Answer, ReceivedRequest, ScriptedUpstream
from befit.testing.upstream_answers import Reply
from befit.testing.upstream_server import Exchange

T = TypeVar("T")


@dataclass(kw_only=True, slots=True)
class Visit(Generic[T]):
    """One request that carried content.

    Attributes:
        seen: what the witness found at its arrival.
        began: by `time.monotonic`.
        ended: when the answer was out or given up; None while it is under way.
    """

    request: ReceivedRequest
    seen: T
    began: float
    ended: float | None = None


class CountingUpstream(ScriptedUpstream, Generic[T]):
    """Keeps every request that carries content, whatever it answers to it.

    Args:
        answer: as for `ScriptedUpstream`.
        witness: called as each request arrives, before anything is answered.
        options: the other arguments of `ScriptedUpstream`.

    Attributes:
        visits: the requests with content, in order of arrival. A list of models or
            a health probe carries none and is in `requests` only.
    """

    def __init__(
        self, answer: str | Reply | Answer = "ok", *, witness: Callable[[], T], **options: Any
    ) -> None:
        super().__init__(answer, **options)
        self.visits: list[Visit[T]] = []
        self._witness = witness

    async def answer(self, exchange: Exchange) -> None:
        """Keep the request, then answer as scripted."""
        if not exchange.body:
            await super().answer(exchange)
            return
        request = ReceivedRequest(
            method=exchange.method,
            path=exchange.path,
            headers=exchange.headers,
            body=exchange.body,
        )
        visit = Visit(request=request, seen=self._witness(), began=time.monotonic())
        self.visits.append(visit)
        try:
            await super().answer(exchange)
        finally:
            visit.ended = time.monotonic()
