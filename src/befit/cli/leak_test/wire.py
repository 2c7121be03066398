"""HTTP as any client writes it: one request a connection, what comes back as bytes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

Address = tuple[str, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """What came back."""

    status: int
    head: bytes
    body: bytes


async def send(
    address: Address, method: str, path: str, *, key: str = "", body: bytes = b""
) -> Reply:
    """Send one request and hear the answer to its end.

    Args:
        key: the bearer text; empty sends none.
    """
    bearer = f"authorization: Bearer {key}\r\n" if key else ""
    head = (
        f"{method} {path} HTTP/1.1\r\nhost: befit\r\nconnection: close\r\n{bearer}"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection(*address)
    try:
        writer.write(head.encode() + body)
        await writer.drain()
        raw = await reader.read()
    finally:
        writer.close()
    heard, _, content = raw.partition(b"\r\n\r\n")
    return Reply(status=int(heard.split(b" ", 2)[1]), head=heard, body=content)
