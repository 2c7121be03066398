"""The one place that speaks to `xllamacpp`: a llama.cpp server inside this process.

The engine always listens somewhere, so it is given a Unix socket without a name: the
socket's file is removed as soon as the engine is up, and an unknown random key guards
what is left. It is reached by direct calls only.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import xllamacpp

from befit.errors import ModelFailure, ModelRefused
from befit.inference.embedded.weights import Weights

SOCKET_PATTERN = ".engine-*.sock"
"""What a crash between bind and unlink may leave; swept at the next start."""

_BATCH_TOKENS = 128  # a prefill can be cancelled between two batches (16 ms)
_QUIET = 1
_SYNTAX = 400

OnChunk = Callable[[bytes], bool]
"""Gets each event's JSON in the engine's thread; True cancels the call."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EngineSettings:
    """How an engine is sized.

    Attributes:
        slots: answers generated at once.
        context_tokens: of each slot, input and output together.
        threads: one a core at most; a second busy neighbour makes a surplus thread cost
            more than it brings, since all threads wait for the slowest at each layer.
    """

    slots: int = 4
    context_tokens: int = 4096
    threads: int = 1


class _Server(Protocol):
    def handle_chat_completions(self, prompt: bytes, callback: OnChunk) -> None: ...


class Engine:
    """A loaded generator. Every method blocks; `chat` may run in many threads."""

    def __init__(self, weights: Weights, settings: EngineSettings) -> None:
        socket = Path(f".engine-{secrets.token_hex(6)}.sock")
        try:
            self._server: _Server = _started(weights, settings, socket)
        finally:
            socket.unlink(missing_ok=True)

    def chat(self, body: bytes, on_chunk: OnChunk) -> None:
        """Answer an OpenAI chat body; `on_chunk` gets every event of the stream.

        Raises:
            ModelRefused: the engine cannot take the request; carries its words.
        """

        # An exception that leaves a callback ends the stream as if it were complete.
        failures: list[Exception] = []

        def guarded(chunk: bytes) -> bool:
            try:
                return on_chunk(chunk)
            except Exception as error:  # noqa: BLE001 - raised again below, in our thread
                failures.append(error)
                return True

        try:
            self._server.handle_chat_completions(body, guarded)
        except (ValueError, RuntimeError, TypeError) as error:
            raise ModelRefused(f"the engine refused: {error}", upstream_status=_SYNTAX) from None
        if failures:
            raise failures[0]


def _started(weights: Weights, settings: EngineSettings, socket: Path) -> _Server:
    api: Any = xllamacpp  # a compiled module without type information
    params = api.CommonParams()
    params.model.path = str(weights.main)
    params.hostnames = [str(socket)]
    params.api_keys = [secrets.token_urlsafe(32)]
    params.endpoint_slots = False
    params.endpoint_props = False
    params.endpoint_metrics = False
    params.ui = False
    params.n_threads_http = 1
    params.verbosity = _QUIET
    params.warmup = False
    params.cache_ram_mib = 0
    params.n_parallel = settings.slots
    params.n_ctx = settings.slots * settings.context_tokens
    params.n_batch = _BATCH_TOKENS
    params.n_ubatch = _BATCH_TOKENS
    # Half the memory of f16 for a slot's context: 50 MB a slot instead of 94.
    params.cache_type_k = api.ggml_type.GGML_TYPE_Q8_0
    params.cache_type_v = api.ggml_type.GGML_TYPE_Q8_0
    for cpu in (params.cpuparams, params.cpuparams_batch):
        cpu.n_threads = settings.threads
        cpu.poll = 0
    try:
        return api.Server(params)
    except (RuntimeError, ValueError) as error:
        raise ModelFailure(f"{weights.name!r} could not be loaded: {error}") from None
