"""The command that attaches a model server which was found."""

from __future__ import annotations

from befit.catalog import Via
from befit.inference import Found


def add_command(server: Found) -> str:
    """The command that attaches a model of what was found."""
    model = server.models[0] if server.models else "MODEL"
    parts = ["befit models add NAME", f"--via {server.via}"]
    if server.via is Via.OPENAI or server.models:
        parts.append(f"--url {server.url}")
    parts.append(f"--model {model}")
    if server.key_ref or server.needs_key:
        parts.append(f"--key {server.key_ref or 'env:NAME'}")
    return " ".join(parts)
