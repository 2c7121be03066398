"""`Visitor`: asks a site for its pages, within bounds of place, size, time and patience."""

from __future__ import annotations

import http.client
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from befit.knowledge.sources.failed import SourceFailed
from befit.knowledge.sources.naming import shown
from befit.knowledge.sources.web.address import AddressFault, Home, WebAddress, read_address
from befit.knowledge.sources.web.connection import Dialler, PinnedConnection

USER_AGENT = "befit"
WHOLE_S = 300.0
_ATTEMPTS = 3
_REDIRECTS = 5
_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 10.0
_BLOCK = 256 * 1024
_MOVED = frozenset({301, 302, 303, 307, 308})
_TRY_AGAIN = frozenset({429, 500, 502, 503, 504})
_HEADERS = {"user-agent": USER_AGENT, "accept": "*/*", "accept-encoding": "identity"}
_BROKEN = (OSError, http.client.HTTPException)


class PageFailed(SourceFailed):
    """One page cannot be had, while the site answers.

    Attributes:
        status: what the site answered with, where it did.
    """

    def __init__(self, message: str, *, retry: bool = False, status: int | None = None) -> None:
        super().__init__(message, retry=retry)
        self.status = status


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """An answer of status 200 or 304.

    Attributes:
        address: where it came from, after redirects.
        headers: by names in small letters.
        parts: its body, unpacked; empty of a `HEAD`.
    """

    status: int
    address: WebAddress
    headers: Mapping[str, str]
    parts: Iterator[bytes]


class Visitor:
    """Asks one site, one request at a time, over a connection that is kept."""

    def __init__(
        self,
        home: Home,
        *,
        dialler: Dialler | None = None,
        pause: Callable[[float], None] = time.sleep,
        whole_s: float = WHOLE_S,
    ) -> None:
        """Ask nothing yet.

        Args:
            pause: waits between attempts.
            whole_s: no answer takes longer.
        """
        self._home = home
        self._dialler = dialler or Dialler(home.start.host)
        self._pause = pause
        self._whole_s = whole_s
        self._kept: tuple[str, PinnedConnection] | None = None
        self._lock = threading.RLock()

    @contextmanager
    def asked(
        self,
        method: str,
        address: WebAddress,
        *,
        conditions: Mapping[str, str] | None = None,
        may_visit: Callable[[WebAddress], bool] = lambda _: True,
    ) -> Generator[Answer]:
        """The answer for a page, after redirects within the host.

        Args:
            conditions: headers that let the site answer that nothing changed (304).
            may_visit: whether `robots.txt` lets us ask for an address.

        Raises:
            PageFailed: the page is elsewhere, forbidden, gone, or answers with an error.
            SourceFailed: the site does not answer.
        """
        fit = {200, 304} if conditions else {200}
        with self._lock:
            for _ in range(_REDIRECTS + 1):
                if not may_visit(address):
                    raise PageFailed("robots.txt does not allow it")
                connection, response = self._response(method, address, conditions or {})
                if response.status not in _MOVED:
                    with self._within_time(connection):
                        yield _answer(address, response, fit)
                        if response.length == 0:
                            response.read()  # of nothing, after which the connection is free
                        if not response.isclosed():
                            self.close()  # what was not read would stand before the next answer
                    return
                address = self._moved(address, response)
            raise PageFailed(f"more than {_REDIRECTS} redirects")

    def close(self) -> None:
        """Let go of the connection; the next question opens one."""
        with self._lock:
            if self._kept is not None:
                self._kept[1].close()
            self._kept = None

    def _response(
        self, method: str, address: WebAddress, conditions: Mapping[str, str]
    ) -> tuple[PinnedConnection, http.client.HTTPResponse]:
        """The first answer that is none of trouble, or the last one."""
        attempt = 0
        while True:
            is_kept = self._kept is not None and self._kept[0] == address.origin
            attempt += not is_kept  # a connection that was kept may have been closed since
            try:
                connection = self._connection(address)
                with self._within_time(connection):
                    headers = {**_HEADERS, **conditions}
                    connection.request(method, address.target, headers=headers)
                    response = connection.getresponse()
            except ssl.SSLCertVerificationError as error:
                raise SourceFailed(
                    f"the certificate of {address.origin} is not trusted: {error.verify_message}",
                    retry=False,
                    next_step="name the authority that signed it in SSL_CERT_FILE",
                ) from None
            except _BROKEN as error:
                self.close()
                if attempt >= _ATTEMPTS:
                    raise SourceFailed(
                        f"{address.origin} does not answer: {_why(error)}", retry=True
                    ) from None
                if not is_kept:
                    self._pause(_PAUSE_S * 2**attempt)
                continue
            if response.status not in _TRY_AGAIN or attempt >= _ATTEMPTS:
                return connection, response
            self.close()
            self._pause(_asked_to_wait(response) or _PAUSE_S * 2**attempt)

    def _connection(self, address: WebAddress) -> PinnedConnection:
        if self._kept is not None and self._kept[0] == address.origin:
            return self._kept[1]
        self.close()
        connection = self._dialler.connection(address)
        self._kept = (address.origin, connection)
        return connection

    @contextmanager
    def _within_time(self, connection: PinnedConnection) -> Generator[None]:
        """Cut an answer that trickles; whatever it is then taken for, it failed."""
        expired = threading.Event()

        def cut() -> None:
            expired.set()
            connection.cut()

        timer = threading.Timer(self._whole_s, cut)
        timer.daemon = True
        timer.start()
        try:
            yield
        except BaseException as error:
            self.close()
            if expired.is_set() and isinstance(error, (*_BROKEN, SourceFailed)):
                raise PageFailed("it answers too slowly", retry=True) from None
            raise
        finally:
            timer.cancel()
        if expired.is_set():
            self.close()
            raise PageFailed("it answers too slowly", retry=True)

    def _moved(self, address: WebAddress, response: http.client.HTTPResponse) -> WebAddress:
        self.close()  # rather than read what a redirect says besides
        try:
            target = read_address(response.getheader("location") or "", base=address)
        except AddressFault as fault:
            raise PageFailed(f"it is redirected to {fault}") from None
        if fault := self._home.fault_of(target):
            raise PageFailed(f"it is redirected: {fault}")
        return target


def _answer(address: WebAddress, response: http.client.HTTPResponse, fit: set[int]) -> Answer:
    if response.status not in fit:
        raise PageFailed(
            f"the site answers {response.status}",
            retry=response.status in _TRY_AGAIN,
            status=response.status,
        )
    headers = {name.lower(): value for name, value in response.getheaders()}
    packing = headers.get("content-encoding", "identity").strip().lower()
    return Answer(
        status=response.status,
        address=address,
        headers=headers,
        parts=_parts(response, packing),
    )


def _parts(response: http.client.HTTPResponse, packing: str) -> Iterator[bytes]:
    try:
        if packing in {"", "identity"}:
            yield from _packed(response)
        elif packing in {"gzip", "x-gzip", "deflate"}:
            yield from _unpacked(_packed(response))
        else:
            raise PageFailed(f"it is packed in an unknown way, {shown(packing)}")
    except zlib.error:
        raise PageFailed("what it sends cannot be unpacked") from None
    except _BROKEN as error:
        raise PageFailed(f"its content broke off: {_why(error)}", retry=True) from None


def _packed(response: http.client.HTTPResponse) -> Iterator[bytes]:
    left = response.length  # None where the answer ends with the connection, or is in chunks
    while part := response.read(_BLOCK):
        left = None if left is None else left - len(part)
        yield part
    if left:
        raise PageFailed("its content broke off", retry=True)


def _unpacked(packed: Iterator[bytes]) -> Iterator[bytes]:
    """Unpacked a block at a time, so that a little that unpacks to a lot stays a little."""
    opened = zlib.decompressobj(wbits=47)  # gzip or zlib, as its head says
    for part in packed:
        rest = part
        while rest and not opened.eof:
            yield opened.decompress(rest, _BLOCK)
            rest = opened.unconsumed_tail
    yield opened.flush()
    if not opened.eof:
        raise PageFailed("its content broke off", retry=True)


def _asked_to_wait(response: http.client.HTTPResponse) -> float | None:
    said = (response.getheader("retry-after") or "").strip()
    return min(float(said), _LONGEST_PAUSE_S) if said.isdecimal() and len(said) < 10 else None


def _why(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return "timed out" if isinstance(error, TimeoutError) else type(error).__name__
