"""The frames between the model process and its clients.

    frame = payload length (4 bytes, big endian) | call id (4 bytes) | msgpack payload

Calls are multiplexed: whatever answers a call carries its id. A call ends with exactly
one `Answer`, `Vectors`, `Labels`, `Status`, `Done` or `Failed`; a stream's `Delta`s come
before its `Done`.
"""

from __future__ import annotations

import asyncio
import struct
from array import array
from collections.abc import Sequence
from typing import BinaryIO, TypeAlias

import msgspec

from befit.inference.permit import Permit
from befit.messages import LabelDistribution, TokenUsage

_HEADER = struct.Struct(">II")
MAX_FRAME_BYTES = 64 * 1024 * 1024
"""About 30,000 vectors or 100,000 short texts in one call."""


class MalformedFrame(Exception):
    """What came is no frame of this protocol; the connection is closed."""


class Boot(msgspec.Struct, frozen=True, kw_only=True):
    """What the model process is told on its standard input, never in argv or environment.

    Attributes:
        folder: where the socket is made; paths of any length work.
        artefacts: holds specialists by their hash.
        generators: weights to load before the process is ready.
        threads: for generation and embedding each.
        slots: answers generated at once; each has `context_tokens` of its own.
    """

    boot_key: bytes
    folder: str
    socket_name: str
    artefacts: str
    generators: tuple[str, ...] = ()
    embedders: tuple[str, ...] = ()
    threads: int = 1
    slots: int = 4
    context_tokens: int = 4096


class ChatAsk(msgspec.Struct, frozen=True, kw_only=True, tag="chat"):
    """Generate an answer. `body` is an OpenAI chat body; `model` the card's name."""

    permit: Permit
    model: str
    weights: str
    body: bytes
    labels: tuple[str, ...] = ()
    stream: bool = False


class EmbedAsk(msgspec.Struct, frozen=True, kw_only=True, tag="embed"):
    """Embed texts."""

    permit: Permit
    model: str
    weights: str
    texts: tuple[str, ...]


class ClassifyAsk(msgspec.Struct, frozen=True, kw_only=True, tag="classify"):
    """Classify texts by the specialist whose content hash is `artefact`."""

    permit: Permit
    model: str
    artefact: str
    texts: tuple[str, ...]


class StatusAsk(msgspec.Struct, frozen=True, tag="status"):
    """Ask what is loaded; the one frame that needs no permit."""


class Cancel(msgspec.Struct, frozen=True, tag="cancel"):
    """The caller of this id has gone."""


class Delta(msgspec.Struct, frozen=True, kw_only=True, tag="delta", omit_defaults=True):
    """One event of a streamed answer, as `ChatChunk` has it."""

    data: bytes
    tokens: int = 0
    finish_reason: str | None = None
    usage: TokenUsage | None = None
    is_usage_only: bool = False


class Answer(msgspec.Struct, frozen=True, kw_only=True, tag="answer"):
    """A whole answer; `body` is an OpenAI chat.completion."""

    body: bytes
    text: str
    finish_reason: str
    has_tool_calls: bool = False
    confidence: float | None = None
    usage: TokenUsage | None = None


class Vectors(msgspec.Struct, frozen=True, kw_only=True, tag="vectors"):
    """Embeddings as consecutive little-endian float32 rows."""

    rows: bytes
    dimensions: int
    tokens: int


class Labels(msgspec.Struct, frozen=True, kw_only=True, tag="labels"):
    """One ranking a text, packed: a bulk of 50,000 texts over 77 labels fits a frame.

    Attributes:
        order: a text's labels, most probable first, as uint32 indexes into `labels`.
        probabilities: in that order, as float64. Both in the machine's byte order,
            which is the same at both ends of a Unix socket.
        abstained: one byte a text.
    """

    labels: tuple[str, ...]
    order: bytes
    probabilities: bytes
    abstained: bytes
    tokens: int

    @classmethod
    def packed(cls, found: Sequence[LabelDistribution], *, tokens: int) -> Labels:
        """Pack distributions over one set of labels."""
        labels = tuple(sorted(found[0].labels)) if found else ()
        index = {label: number for number, label in enumerate(labels)}
        return cls(
            labels=labels,
            order=array("I", (index[label] for one in found for label in one.labels)).tobytes(),
            probabilities=array("d", (p for one in found for p in one.probabilities)).tobytes(),
            abstained=bytes(one.abstained for one in found),
            tokens=tokens,
        )

    def unpacked(self) -> tuple[LabelDistribution, ...]:
        """The distributions, one a text."""
        width = len(self.labels)
        order = memoryview(self.order).cast("I")
        probabilities = memoryview(self.probabilities).cast("d")
        return tuple(
            LabelDistribution(
                labels=tuple(self.labels[n] for n in order[row * width : (row + 1) * width]),
                probabilities=tuple(probabilities[row * width : (row + 1) * width]),
                abstained=bool(abstained),
            )
            for row, abstained in enumerate(self.abstained)
        )


class LoadedModel(msgspec.Struct, frozen=True, kw_only=True):
    """A model in memory. `name` is that of its weights, or a specialist's hash."""

    name: str
    kind: str
    busy: int = 0
    waiting: int = 0
    context_tokens: int | None = None


class Status(msgspec.Struct, frozen=True, kw_only=True, tag="status"):
    """Liveness: what is loaded and how much memory it takes.

    `failure` says why a model that was to be loaded at the start is not.
    """

    pid: int
    ready: bool
    rss_bytes: int
    models: tuple[LoadedModel, ...] = ()
    failure: Failed | None = None


class Done(msgspec.Struct, frozen=True, tag="done"):
    """The stream is complete."""


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag="failed"):
    """The call failed; `code` is that of a `BefitError`."""

    code: str
    message: str
    next_step: str | None = None
    upstream_status: int = 502


Ask: TypeAlias = ChatAsk | EmbedAsk | ClassifyAsk | StatusAsk | Cancel
Reply: TypeAlias = Delta | Answer | Vectors | Labels | Status | Done | Failed

_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError)

_encoder = msgspec.msgpack.Encoder()
_asks = msgspec.msgpack.Decoder(Ask)
_replies = msgspec.msgpack.Decoder(Reply)
_boots = msgspec.msgpack.Decoder(Boot)


def frame(call_id: int, message: Ask | Reply | Boot) -> bytes:
    """The bytes of one frame.

    Raises:
        OverflowError: the message is larger than a frame may be.
    """
    payload = _encoder.encode(message)
    if len(payload) > MAX_FRAME_BYTES:
        raise OverflowError(f"{len(payload)} bytes; a frame holds {MAX_FRAME_BYTES}")
    return _HEADER.pack(len(payload), call_id) + payload


async def read_frame(reader: asyncio.StreamReader) -> tuple[int, bytes] | None:
    """The next frame's call id and payload, or None where the peer has closed.

    Raises:
        MalformedFrame: it is oversized, or the peer closed in its middle.
    """
    try:
        header = await reader.readexactly(_HEADER.size)
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise MalformedFrame("the connection closed inside a header") from None
        return None
    size, call_id = _HEADER.unpack(header)
    if size > MAX_FRAME_BYTES:
        raise MalformedFrame(f"a frame of {size} bytes; {MAX_FRAME_BYTES} are allowed")
    try:
        return call_id, await reader.readexactly(size)
    except asyncio.IncompleteReadError:
        raise MalformedFrame("the connection closed inside a frame") from None


def decode_ask(payload: bytes) -> Ask:
    """Read what a client sent.

    Raises:
        MalformedFrame: it is not msgpack, or none of the messages.
    """
    try:
        return _asks.decode(payload)
    except _UNREADABLE as error:
        raise MalformedFrame(str(error)) from None


def decode_reply(payload: bytes) -> Reply:
    """Read what the model process sent.

    Raises:
        MalformedFrame: it is not msgpack, or none of the messages.
    """
    try:
        return _replies.decode(payload)
    except _UNREADABLE as error:
        raise MalformedFrame(str(error)) from None


def boot_frame_from(stream: BinaryIO) -> Boot:
    """Read the frame that the parent writes to standard input, and no byte more.

    Raises:
        MalformedFrame: it is not msgpack, no `Boot`, or the parent has gone.
    """
    header = stream.read(_HEADER.size)
    if len(header) < _HEADER.size:
        raise MalformedFrame("the parent closed before it said what to load")
    try:
        return _boots.decode(stream.read(_HEADER.unpack(header)[0]))
    except _UNREADABLE as error:
        raise MalformedFrame(str(error)) from None
