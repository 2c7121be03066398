"""HTTP as a client writes it, byte for byte, and as a client may leave it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

STAYS = "stays"
LEAVES_AT_ONCE = "leaves at once"
LEAVES_AFTER_FIRST = "leaves after the first bytes"

Address = tuple[str, int]


@dataclass(frozen=True)
class Heard:
    """What came back, as far as the client stayed to hear it."""

    status: int | None
    head: bytes = b""
    body: bytes = b""

    @property
    def decision_id(self) -> str | None:
        """The decision that the answer's header names."""
        for line in self.head.split(b"\r\n"):
            name, _, value = line.partition(b":")
            if name.lower() == b"befit-decision":
                return value.strip().decode()
        return None


def request_of(method: str, path: str, *, key: str, body: bytes = b"") -> bytes:
    """A whole request that asks for its connection to be closed."""
    head = (
        f"{method} {path} HTTP/1.1\r\nhost: befit\r\nconnection: close\r\n"
        f"authorization: Bearer {key}\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def exchange(address: Address, request: bytes, *, leaves: str = STAYS) -> Heard:
    """Send a request over a connection of its own; status None is no answer at all."""
    reader, writer = await asyncio.open_connection(*address)
    try:
        writer.write(request)
        await writer.drain()
        if leaves == LEAVES_AT_ONCE:
            return Heard(None)
        if leaves == LEAVES_AFTER_FIRST:
            return _heard(await reader.readuntil(b"\r\n\r\n"))
        return _heard(await reader.read())
    except (ConnectionError, asyncio.IncompleteReadError):
        return Heard(None)
    finally:
        writer.close()


def _heard(raw: bytes) -> Heard:
    head, _, body = raw.partition(b"\r\n\r\n")
    return Heard(status=int(head.split(b" ", 2)[1]), head=head, body=body) if raw else Heard(None)
