"""`Generator`: an engine's slots shared among the requests of one event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from typing import Any

import msgspec

from befit.errors import ModelRefused, Overloaded
from befit.inference.embedded.choice import choice_body, read_choice
from befit.inference.embedded.engine import Engine, EngineSettings
from befit.inference.embedded.stream import EngineEvent, Gathered, read_event
from befit.inference.embedded.weights import GgufHeader
from befit.inference.embedded.wire import Answer, Delta

MAX_WAITING = 64
_REFUSED = 400

_read_body = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class Generator:
    """Answers from one engine: a fixed number at once, a bounded number waiting.

    A caller that waits is no load on the engine, and one that goes away frees its slot
    as soon as the engine has noticed (6 ms generating, 16 ms in prefill).
    """

    def __init__(
        self,
        engine: Engine,
        header: GgufHeader,
        *,
        settings: EngineSettings,
        max_waiting: int = MAX_WAITING,
    ) -> None:
        self._engine = engine
        self._header = header
        self._slots = asyncio.Semaphore(settings.slots)
        self._max_waiting = max_waiting
        self._pool = ThreadPoolExecutor(settings.slots, thread_name_prefix="generate")
        self.context_tokens = settings.context_tokens
        self.busy = 0
        self.waiting = 0

    async def stream(self, body: bytes, model: str) -> AsyncGenerator[Delta]:
        """The answer's events; the last one carries the usage.

        Raises:
            ContextTooLong, ModelRefused, Overloaded, ModelFailure: see `read_event`.
        """
        async with aclosing(self._events(self._prepared(body, model), model)) as events:
            async for event in events:
                yield event.as_delta(model)

    async def answer(self, body: bytes, model: str) -> Answer:
        """A whole answer. Raises as `stream`."""
        return (await self._gathered(self._prepared(body, model), model)).answer()

    async def choose(self, body: bytes, model: str, labels: Sequence[str]) -> Answer:
        """One of `labels` with its probability as confidence. Raises as `stream`."""
        fields = choice_body(_fields(body, model), labels)
        gathered = await self._gathered(fields, model)
        label, confidence = read_choice(gathered.logprobs, labels, model)[0]
        return gathered.answer(text=label, confidence=confidence)

    def close(self) -> None:
        """Let the threads end once they are idle."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _prepared(self, body: bytes, model: str) -> Mapping[str, Any]:
        fields = _fields(body, model)
        if "tools" in fields and not self._header.speaks_tools:
            # The engine would drop them silently and answer as if none had been given.
            raise ModelRefused(
                f"the chat template of {model!r} has no place for tools", upstream_status=_REFUSED
            )
        return fields

    async def _gathered(self, fields: Mapping[str, Any], model: str) -> Gathered:
        gathered = Gathered(model)
        async with aclosing(self._events(fields, model)) as events:
            async for event in events:
                gathered.add(event)
        return gathered

    async def _events(self, fields: Mapping[str, Any], model: str) -> AsyncGenerator[EngineEvent]:
        body = msgspec.json.encode(
            {
                **fields,
                "stream": True,
                "stream_options": {"include_usage": True},
                "return_progress": True,  # a prefill is cancelled only where it reports
            }
        )
        if self._slots.locked() and self.waiting >= self._max_waiting:
            raise Overloaded(
                f"{self.waiting} requests wait for {model!r}", next_step="try again in a moment"
            )
        self.waiting += 1
        try:
            await self._slots.acquire()
        finally:
            self.waiting -= 1
        self.busy += 1
        try:
            async with aclosing(self._chunks(body)) as chunks:
                async for chunk in chunks:
                    if event := read_event(chunk, model):
                        yield event
        finally:
            self.busy -= 1
            self._slots.release()

    async def _chunks(self, body: bytes) -> AsyncGenerator[bytes]:
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        gone = threading.Event()

        def on_chunk(chunk: bytes) -> bool:
            loop.call_soon_threadsafe(queue.put_nowait, chunk)
            return gone.is_set()

        call = loop.run_in_executor(self._pool, self._engine.chat, body, on_chunk)
        # It completes through the loop as well, after the chunks that came before it.
        call.add_done_callback(lambda _: queue.put_nowait(None))
        try:
            while (chunk := await queue.get()) is not None:
                yield chunk
            await call
        finally:
            gone.set()
            if not call.done():
                # The slot is free when the engine has let go, not when its caller has.
                await asyncio.wait([call])


def _fields(body: bytes, model: str) -> dict[str, msgspec.Raw]:
    try:
        fields = _read_body(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ModelRefused(
            f"what {model!r} was sent is no chat: {error}", upstream_status=_REFUSED
        ) from None
    if "messages" not in fields:
        raise ModelRefused(f"{model!r} was sent no messages", upstream_status=_REFUSED)
    return fields
