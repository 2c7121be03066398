"""What `Parser` and its process say to each other: frames of a length and MessagePack."""

from __future__ import annotations

import struct

import msgspec

from befit.knowledge.parsing.limits import ParseLimits
from befit.knowledge.parsing.parsed import Parsed

LENGTH = struct.Struct("!Q")
MOST_FRAME_BYTES = 256 << 20


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """Read this file, which is called `name`, within the limits."""

    file: str
    name: str
    limits: ParseLimits


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What it says, or why it was not read.

    Attributes:
        fault: what broke in the reader itself, for the log.
        is_last: the process ends now, to give its memory back.
    """

    parsed: Parsed | None = None
    refusal: str = ""
    next_step: str | None = None
    fault: str = ""
    is_last: bool = False


def framed(message: Request | Reply) -> bytes:
    """The message as it goes through a pipe."""
    body = msgspec.msgpack.encode(message)
    return LENGTH.pack(len(body)) + body
