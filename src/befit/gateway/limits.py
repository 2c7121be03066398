"""`Limits`: how much of what one client may ask of the gateway, and for how long."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """The gateway's protection against clients that are too big, too many or too slow.

    Attributes:
        max_body_bytes: larger bodies are refused with 413 and not read to their end.
        max_header_bytes: request line and headers together.
        max_requests: how many may be under way at once; beyond it 503.
        max_connections: how many may be open at once; beyond it they are closed.
        read_timeout_s: how long a request may take to arrive, body included, ..
        read_bytes_per_s: .. and a longer one only while it comes at least this fast.
        write_timeout_s: how long a client may leave its answer unread.
        keep_alive_s: how long a connection may rest between requests.
        drain_s: how long a stopping server lets answers finish.
    """

    max_body_bytes: int = 16 * 1024 * 1024
    max_header_bytes: int = 64 * 1024
    max_requests: int = 512
    max_connections: int = 4096
    read_timeout_s: float = 20.0
    read_bytes_per_s: int = 16 * 1024
    write_timeout_s: float = 60.0
    keep_alive_s: int = 60
    drain_s: float = 20.0
