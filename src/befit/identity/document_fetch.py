"""`fetch_document`: a small JSON document of an identity provider, over HTTP.

It asks exactly the host of the URL: no redirects, no proxies from the environment, and no
more bytes or seconds than a key set takes.
"""

from __future__ import annotations

import http.client
import ssl
import time
from urllib.parse import urlsplit

TIMEOUT_S = 5.0
_WHOLE_S = 10.0
_MOST_BYTES = 512 * 1024


class FetchFailedError(Exception):
    """A document could not be fetched; says why, for the log."""


def fetch_document(url: str) -> bytes:
    """The body of a 200 answer. Blocking: at most about ten seconds.

    Raises:
        FetchFailedError: no connection, another status, too large or too slow.
    """
    parts = urlsplit(url)
    deadline = time.monotonic() + _WHOLE_S
    connection = _connection(parts.scheme, parts.hostname or "", parts.port)
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("GET", target, headers={"accept": "application/json"})
        response = connection.getresponse()
        if response.status != http.client.OK:
            raise FetchFailedError(f"{url} answered {response.status}")
        return _read(response, url, deadline)
    except (OSError, http.client.HTTPException) as error:
        raise FetchFailedError(f"{url} cannot be read: {error or type(error).__name__}") from None
    finally:
        connection.close()


def _connection(scheme: str, host: str, port: int | None) -> http.client.HTTPConnection:
    if scheme == "https":
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(host, port, timeout=TIMEOUT_S, context=context)
    return http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)


def _read(response: http.client.HTTPResponse, url: str, deadline: float) -> bytes:
    body = bytearray()
    while part := response.read1(64 * 1024):
        body += part
        if len(body) > _MOST_BYTES:
            raise FetchFailedError(f"{url} answered with more than {_MOST_BYTES} bytes")
        if time.monotonic() > deadline:
            raise FetchFailedError(f"{url} answered too slowly")
    return bytes(body)
