"""The frames between commands and a running server, over a Unix socket.

    frame = length (4 bytes, big endian) | JSON

A connection carries one call: a `Call` in, any number of `Told` with progress out, then one
with a result or an error. A client that closes early cancels its call.
"""

from __future__ import annotations

import asyncio
import os
import struct
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import msgspec

from befit.errors import BefitError
from befit.vocabulary import DEFAULT_TENANT

SOCKET_NAME = "control.sock"

_LENGTH = struct.Struct(">I")
_MOST_BYTES = 256 * 1024 * 1024
_SOCKET_PATH_BYTES = 100  # 108 on Linux and 104 on macOS, with the closing zero

NO_RESULT = msgspec.Raw(b"null")

_T = TypeVar("_T", bound=msgspec.Struct)


class Call(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One operation to perform, as a tenant's local administrator or a reader it asserts."""

    operation: str
    params: dict[str, object] = {}
    acting_as: str | None = None
    tenant: str = DEFAULT_TENANT


class ProgressTold(msgspec.Struct, frozen=True):
    """How far a long operation has come."""

    stage: str
    done: int
    total: int


class ErrorTold(msgspec.Struct, frozen=True, kw_only=True):
    """A `BefitError` on its way to another process."""

    code: str
    message: str
    status: int
    exit_code: int
    retry: bool = False
    next_step: str | None = None
    param: str | None = None
    decision_id: str | None = None
    excluded: dict[str, str] = {}


class Told(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What comes back: exactly one of the three. A result is an object, so never null."""

    progress: ProgressTold | None = None
    result: msgspec.Raw = NO_RESULT
    error: ErrorTold | None = None


class ReportedError(BefitError):
    """An error as another process raised it; it stands as it stood there."""

    def __init__(self, told: ErrorTold) -> None:
        super().__init__(told.message, next_step=told.next_step, param=told.param)
        self.code = told.code
        self.status = told.status
        self.exit_code = told.exit_code
        self.retry = told.retry
        self.decision_id = told.decision_id
        self.excluded = dict(told.excluded)


def error_told(error: BefitError) -> ErrorTold:
    """The error as it travels."""
    return ErrorTold(
        code=error.code,
        message=error.message,
        status=error.status,
        exit_code=error.exit_code,
        retry=error.retry,
        next_step=error.next_step,
        param=error.param,
        decision_id=error.decision_id,
        excluded=error.excluded,
    )


def frame(message: msgspec.Struct) -> bytes:
    """A message ready to be written."""
    payload = msgspec.json.encode(message)
    return _LENGTH.pack(len(payload)) + payload


async def read_frame(reader: asyncio.StreamReader, kind: type[_T]) -> _T | None:
    """The next message, or None where the other side has closed.

    Raises:
        BefitError: what came is no such message.
    """
    try:
        (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        if length > _MOST_BYTES:
            raise BefitError(f"a control frame has {length} bytes; {_MOST_BYTES} are the most")
        payload = await reader.readexactly(length)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    try:
        return msgspec.json.decode(payload, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BefitError(f"a control frame cannot be read: {error}") from None


def encoded_params(params: Mapping[str, object]) -> dict[str, object]:
    """Parameters with nothing in them that JSON could not carry."""
    encoder = msgspec.json.Encoder(decimal_format="string")
    return msgspec.json.decode(encoder.encode(params), type=dict[str, object])


@contextmanager
def socket_address(path: Path) -> Generator[str]:
    """An address for the socket, however long its path is; good within the block."""
    if len(os.fsencode(path)) <= _SOCKET_PATH_BYTES:
        yield str(path)
        return
    # A socket's address holds about a hundred bytes; through its open folder any path fits.
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
