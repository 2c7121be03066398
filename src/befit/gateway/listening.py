"""The listening socket, bound before anything slow is started."""

from __future__ import annotations

import errno
import socket
from dataclasses import dataclass

from befit.errors import BefitError, Conflict, InvalidRequest

_BACKLOG = 2048


@dataclass(frozen=True, kw_only=True, slots=True)
class Address:
    """Where to listen. Port 0 takes a free one."""

    host: str
    port: int


def listening_socket(address: Address) -> socket.socket:
    """A socket that listens there; it outlives the processes that serve it.

    Raises:
        Conflict: the port is in use.
        InvalidRequest: the host or port cannot be listened on.
    """
    try:
        found = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        family, _, _, _, place = found[0]
        listener = socket.create_server(place[:2], family=family, backlog=_BACKLOG)
    except OSError as error:
        raise _explained(error, address) from None
    listener.setblocking(False)
    return listener


def url_of(listener: socket.socket) -> str:
    """The URL that reaches the socket from this machine."""
    host, port = listener.getsockname()[:2]
    if host in {"0.0.0.0", "::"}:  # noqa: S104 - compared with, not bound to
        host = "127.0.0.1" if listener.family is socket.AF_INET else "::1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _explained(error: OSError, address: Address) -> BefitError:
    place = f"{address.host}:{address.port}"
    if error.errno == errno.EADDRINUSE:
        return Conflict(
            f"port {address.port} on {address.host} is in use",
            next_step="stop what listens there, or serve --port N (0 takes a free one)",
            param="port",
        )
    return InvalidRequest(
        f"{place} cannot be listened on: {error.strerror or error}",
        next_step="serve --host H --port N, or gateway.host and gateway.port in befit.yaml",
        param="port" if error.errno == errno.EACCES else "host",
    )
