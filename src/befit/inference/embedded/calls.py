"""`CallHandler`: one call of a client, from its frame to its reply.

Every ask but the status carries a permit, which is verified here once more, against
this process's own count of its uses, before anything is loaded or computed.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path

import numpy as np

from befit.errors import BefitError, ModelFailure, ModelRefused
from befit.inference.embedded.models import EmbeddedModels
from befit.inference.embedded.wire import (
    Ask,
    ChatAsk,
    ClassifyAsk,
    Done,
    EmbedAsk,
    Failed,
    Labels,
    Reply,
    Status,
    StatusAsk,
    Vectors,
)
from befit.inference.permit import PermitGate

_log = logging.getLogger(__name__)

Send = Callable[[Reply], None]


class CallHandler:
    """Answers asks from the models in memory."""

    def __init__(self, models: EmbeddedModels, gate: PermitGate) -> None:
        self._models = models
        self._gate = gate
        self.ready = False
        self.failure: Failed | None = None

    async def handle(self, ask: Ask, send: Send) -> None:
        """Answer one ask through `send`; a failure is a reply as well."""
        try:
            await self._answer(ask, send)
        except BefitError as error:
            send(failed(error))
        except Exception:  # noqa: BLE001 - the process boundary
            # The caller learns that it failed, the log why.
            _log.exception("a call failed in a way that no rule foresees")
            send(failed(ModelFailure("the model process failed; its log says why")))

    async def _answer(self, ask: Ask, send: Send) -> None:
        match ask:
            case StatusAsk():
                send(self.status())
            case ChatAsk():
                self._gate.admit(ask.permit, ask.model)
                await self._chat(ask, send)
            case EmbedAsk():
                self._gate.admit(ask.permit, ask.model)
                queue = await self._models.embedder(ask.weights)
                embedded = await queue.embed(ask.texts)
                rows = np.ascontiguousarray(embedded.vectors, dtype="<f4")
                send(
                    Vectors(
                        rows=rows.tobytes(),
                        dimensions=rows.shape[1],
                        tokens=int(embedded.tokens.sum()),
                    )
                )
            case ClassifyAsk():
                self._gate.admit(ask.permit, ask.model)
                await self._classify(ask, send)
            case _:  # `Cancel` is the connection's own business
                raise ModelRefused("this frame asks for nothing", upstream_status=400)

    async def _chat(self, ask: ChatAsk, send: Send) -> None:
        generator = await self._models.generator(ask.weights)
        if ask.labels:
            send(await generator.choose(ask.body, ask.model, ask.labels))
        elif ask.stream:
            async with aclosing(generator.stream(ask.body, ask.model)) as deltas:
                async for delta in deltas:
                    send(delta)
            send(Done())
        else:
            send(await generator.answer(ask.body, ask.model))

    async def _classify(self, ask: ClassifyAsk, send: Send) -> None:
        found, embedded = await self._models.classify(ask.artefact, ask.texts)
        send(Labels.packed(found, tokens=int(embedded.tokens.sum())))

    def status(self) -> Status:
        """What is loaded, and the memory that the process takes."""
        return Status(
            pid=os.getpid(),
            ready=self.ready,
            rss_bytes=rss_bytes(),
            models=self._models.loaded(),
            failure=self.failure,
        )


def failed(error: BefitError) -> Failed:
    """The reply that carries an error of ours to the other side."""
    status = error.upstream_status if isinstance(error, ModelRefused) else error.status
    return Failed(
        code=error.code,
        message=error.message,
        next_step=error.next_step,
        upstream_status=status,
    )


def rss_bytes() -> int:
    """The memory of this process; 0 where the system does not tell (not Linux)."""
    statm = Path("/proc/self/statm")
    if not statm.exists():
        return 0
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
