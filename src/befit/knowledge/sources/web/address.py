"""`WebAddress` and `Home`: which addresses a site's pages may have.

An address comes from the site's own files and answers, so it is read strictly and held
against the host that the user named.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote, urljoin, urlsplit

from befit.knowledge.sources.naming import name_fault, shown

_MOST_CHARACTERS = 2_000
_HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+")
_PORTS = {"http": 80, "https": 443}
_KEPT = "/%:@!$&'()*+,;=~-._"  # of a path; what else there is gets quoted


class AddressFault(ValueError):
    """Why an address is not gone to."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WebAddress:
    """An `http` or `https` address, written one way only.

    Attributes:
        host: in small letters.
        path: begins with `/`; quoted.
        query: without its `?`; empty where there is none.
    """

    scheme: str
    host: str
    port: int
    path: str
    query: str = ""

    @property
    def origin(self) -> str:
        """Such as `https://intranet.example` or `http://127.0.0.1:8080`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        is_usual = self.port == _PORTS[self.scheme]
        return f"{self.scheme}://{host}" + ("" if is_usual else f":{self.port}")

    @property
    def target(self) -> str:
        """What is asked for at the origin: path and query."""
        return f"{self.path}?{self.query}" if self.query else self.path

    @property
    def url(self) -> str:
        """The whole of it."""
        return f"{self.origin}{self.target}"

    @property
    def plain_path(self) -> str:
        """The path unquoted, as rules are written; a folder's page is its `index.html`."""
        path = unquote(self.path).lstrip("/")
        return f"{path}index.html" if not path or path.endswith("/") else path


def read_address(text: str, base: WebAddress | None = None) -> WebAddress:
    """Read an address; what follows `#` is left out.

    Args:
        base: what a relative one is relative to; without it only a whole one will do.

    Raises:
        AddressFault: it is none, or one that parsers may take for different ones.
    """
    text = text.strip()
    if not text or len(text) > _MOST_CHARACTERS or "\\" in text or name_fault(text):
        raise AddressFault("no address that can be used")
    try:
        parts = urlsplit(urljoin(base.url, text) if base else text)
        port = parts.port
    except ValueError:
        raise AddressFault("no address that can be used") from None
    if parts.scheme not in _PORTS:
        raise AddressFault("neither http nor https")
    if "@" in parts.netloc:
        raise AddressFault("an address with a user name or password")
    host = (parts.hostname or "").removesuffix(".")
    if not host.isascii() or not _HOST.fullmatch(host) or port == 0:
        raise AddressFault("no host name that can be used")
    address = WebAddress(
        scheme=parts.scheme,
        host=host.lower(),
        port=port or _PORTS[parts.scheme],
        path=quote(parts.path or "/", safe=_KEPT),
        query=quote(parts.query, safe=f"{_KEPT}?"),
    )
    if fault := _path_fault(address.plain_path):
        raise AddressFault(fault)
    return address


@dataclass(frozen=True, kw_only=True, slots=True)
class Home:
    """The host that the user named. Nothing is asked of another."""

    start: WebAddress

    def fault_of(self, address: WebAddress) -> str | None:
        """Why an address is not of this site, or None."""
        if address.host != self.start.host:
            return f"it leads to another host, {shown(address.host)}"
        if self.start.scheme == "https" and address.scheme == "http":
            return "it leads from https to http"
        usual = _PORTS[address.scheme] == address.port
        was_usual = _PORTS[self.start.scheme] == self.start.port
        if address.port != self.start.port and not (usual and was_usual):
            return f"it leads to another port, {address.port}"
        return None


def _path_fault(path: str) -> str | None:
    if fault := name_fault(path):
        return fault
    if any(part in {".", ".."} for part in path.split("/")):
        return "a path with `.` or `..` in it"
    return None
