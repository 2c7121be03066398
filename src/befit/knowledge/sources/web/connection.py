"""`Dialler`: connections to the host that the user named, wherever its name leads.

A name that led out of the company's network when the run began is not followed into it
later: whoever rules the name could otherwise have the inside read out.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
from collections.abc import Callable, Sequence

from befit.knowledge.sources.failed import SourceFailed
from befit.knowledge.sources.web.address import WebAddress

CONNECT_S = 10.0
READ_S = 20.0

Resolve = Callable[[str, int], Sequence[str]]
"""The IP addresses of a host; raises OSError where there are none."""


def resolved(host: str, port: int) -> Sequence[str]:
    """As the system resolves it."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(each[4][0]) for each in found]


class Dialler:
    """Connects to one host; asks no proxy."""

    def __init__(self, host: str, resolve: Resolve = resolved) -> None:
        self._host = host
        self._resolve = resolve
        self._is_inside: bool | None = None  # known once the name was first resolved
        self._tls = ssl.create_default_context()

    def connection(self, address: WebAddress) -> PinnedConnection:
        """A connection that is open.

        Raises:
            OSError: there is none to be had.
            SourceFailed: the name leads elsewhere now.
        """
        last: OSError | None = None
        for place in self.places(address.port):
            connection = PinnedConnection(address, place, self._tls)
            try:
                connection.connect()
            except OSError as error:
                connection.close()
                last = error
            else:
                return connection
        raise last or OSError("no address")

    def places(self, port: int) -> Sequence[str]:
        """The IP addresses that may be connected to now.

        Raises:
            OSError: the name cannot be resolved.
            SourceFailed: the name led outside and leads inside now.
        """
        found = list(dict.fromkeys(self._resolve(self._host, port)))
        outside = [place for place in found if _is_outside(place)]
        if self._is_inside is None:
            self._is_inside = not outside
        if self._is_inside:
            return found
        if not outside:
            raise SourceFailed(
                f"{self._host} led to a public address and leads to one of this network now",
                retry=False,
                next_step="check who answers for that name",
            )
        return outside


class PinnedConnection(http.client.HTTPConnection):
    """Goes to the place that was looked at, not to what the name may lead to by then."""

    def __init__(self, address: WebAddress, place: str, tls: ssl.SSLContext) -> None:
        super().__init__(address.host, address.port, timeout=CONNECT_S)
        self._place = place
        self._wire: socket.socket | None = None
        self._tls = tls if address.scheme == "https" else None

    def connect(self) -> None:
        """Open the socket, and check the certificate against the host's name."""
        sock = socket.create_connection((self._place, self.port), CONNECT_S)
        try:
            sock.settimeout(READ_S)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                sock = self._tls.wrap_socket(sock, server_hostname=self.host)
        except BaseException:
            sock.close()
            raise
        self.sock = self._wire = sock

    def cut(self) -> None:
        """End whatever is being read or written on it, from any thread."""
        if self._wire is not None:
            try:
                # Of the socket below TLS, which must not be touched while another thread reads.
                socket.socket.shutdown(self._wire, socket.SHUT_RDWR)
            except OSError:
                return  # it has ended by itself


def _is_outside(place: str) -> bool:
    """Whether it is an address of the public internet; any doubt is a no."""
    try:
        address = ipaddress.ip_address(place.partition("%")[0])
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_global and not (mapped or address).is_multicast
