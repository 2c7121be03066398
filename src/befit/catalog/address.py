"""Where a model server's URL leads: to this machine or away from it."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

_HOST = re.compile(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]")
_REST = re.compile(r"[!-~]*")


def url_fault(url: str) -> str | None:
    """Why a URL is refused, without quoting it, or None.

    Stricter than a URL parser, so that every parser that reads it later sees the same
    host; user names, passwords and queries are refused because keys hide in them.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "not a URL"
    if parts.scheme not in {"http", "https"}:
        return "a URL begins with http:// or https://"
    if "@" in parts.netloc:
        return "a URL holds no user name or password; give the key as env:NAME or file:PATH"
    if parts.query or parts.fragment:
        return "a URL holds no query or fragment"
    host = parts.netloc.removesuffix(f":{port}") if port is not None else parts.netloc
    if not _HOST.fullmatch(host) or not _REST.fullmatch(url) or "\\" in url or port == 0:
        return "a URL is written like http://127.0.0.1:11434/v1"
    return None


def is_loopback(url: str) -> bool:
    """True where the bytes never leave this machine; any doubt is a no."""
    host = (urlsplit(url).hostname or "").removesuffix(".")
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback
