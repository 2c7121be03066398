"""Where a model server is: its origin, and the paths of its API below a base URL.

endpoint = Endpoint.parse("http://127.0.0.1:11434")
endpoint.at("/chat/completions").target  # '/v1/chat/completions'
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from befit.catalog import Via
from befit.errors import InvalidRequest

DEFAULT_URLS = {
    Via.OPENAI: "https://api.openai.com/v1",
    Via.OLLAMA: "http://127.0.0.1:11434/v1",
    Via.VLLM: "http://127.0.0.1:8000/v1",
    Via.LLAMACPP: "http://127.0.0.1:8080/v1",
    Via.LMSTUDIO: "http://127.0.0.1:1234/v1",
}
"""Where each kind of server listens when a card gives no URL."""

_VERSION = re.compile(r"v\d+\w*")  # v1, v1beta: the base URL already holds its version
_OPERATIONS = ("/chat/completions", "/completions", "/embeddings", "/models")
_NOT_A_PATH = re.compile(r"[^\x21-\x7e]")


class Origin(NamedTuple):
    """Scheme, host and port: what a connection can be used again for."""

    tls: bool
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """True where the bytes never leave this machine."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoint:
    """One URL, taken apart once.

    Attributes:
        target: the path as it stands in the request line.
        host_header: host and port as the `Host` header gives them.
    """

    origin: Origin
    target: str
    host_header: str

    @classmethod
    def parse(cls, url: str) -> Endpoint:
        """Read a URL as it is.

        Raises:
            InvalidRequest: not http or https, or with user name, query or fragment.
        """
        return _endpoint(_split(url), _split(url).path or "/")

    @classmethod
    def base(cls, url: str) -> Endpoint:
        """Read the base URL of an OpenAI-compatible API.

        `/v1` is added unless the path names a version already, and the path of an
        operation, as people paste it, is cut off.

        Raises:
            InvalidRequest: not http or https, or with user name, query or fragment.
        """
        parts = _split(url)
        path = parts.path.rstrip("/")
        for operation in _OPERATIONS:
            path = path.removesuffix(operation)
        if not any(_VERSION.fullmatch(segment) for segment in path.split("/")):
            path += "/v1"
        return _endpoint(parts, path)

    def at(self, path: str) -> Endpoint:
        """The endpoint of one operation below this base."""
        return Endpoint(origin=self.origin, target=self.target + path, host_header=self.host_header)

    def __str__(self) -> str:
        return f"{'https' if self.origin.tls else 'http'}://{self.host_header}{self.target}"


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InvalidRequest(f"url {url!r} is not a URL: {error}", param="url") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        raise InvalidRequest(
            f"url {url!r} is not an http or https URL",
            next_step="write it like http://127.0.0.1:11434/v1",
            param="url",
        )
    if parts.username is not None or parts.password is not None:
        # The URL itself is not quoted: it holds a password.
        raise InvalidRequest(
            f"the url for {parts.hostname} holds a user name or password",
            next_step="give the key as env:NAME or file:PATH",
            param="url",
        )
    if parts.query or parts.fragment:
        raise InvalidRequest(f"url {url!r} has a query or fragment", param="url")
    if _NOT_A_PATH.search(parts.path) or not parts.hostname.isascii():
        raise InvalidRequest(f"url {url!r} has characters a URL may not have", param="url")
    return parts


def _endpoint(parts: SplitResult, target: str) -> Endpoint:
    tls = parts.scheme == "https"
    host = parts.hostname or ""
    usual = 443 if tls else 80
    origin = Origin(tls, host, parts.port or usual)
    shown = f"[{host}]" if ":" in host else host
    header = shown if origin.port == usual else f"{shown}:{origin.port}"
    return Endpoint(origin=origin, target=target, host_header=header)
