"""The key that a request was sent with."""

from __future__ import annotations

from befit.gateway.reply import Scope

_SCHEME = b"bearer "


def bearer_in(scope: Scope) -> str | None:
    """The token of the `Authorization: Bearer` header, or None where there is none."""
    for name, value in scope["headers"]:
        if name == b"authorization":
            credentials: bytes = value
            if credentials[:7].lower() == _SCHEME:
                return credentials[7:].strip().decode("latin-1")
            return None
    return None
