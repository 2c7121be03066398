"""Every endpoint of the gateway, and what a request to it leaves behind.

A new endpoint fails `test_surface.py` until it stands here; the promises are then tested
over it like over all others.
"""

from __future__ import annotations

from enum import StrEnum


class Leaves(StrEnum):
    """What an accepted request leaves in the ledger."""

    DECISION = "exactly one decision of its own"
    NOTHING = "no decision; at most events of an earlier one, or administrative ones"
    PROBE = "nothing, and it needs no key"


CHAT = ("POST", "/v1/chat/completions")
EMBEDDINGS = ("POST", "/v1/embeddings")
RUN = ("POST", "/v1/workflows/{workflow}/runs")
DETECT = ("POST", "/v1/detect")
SEARCH = ("POST", "/v1/knowledge/search")

SURFACE: dict[tuple[str, str], Leaves] = {
    CHAT: Leaves.DECISION,
    EMBEDDINGS: Leaves.DECISION,
    RUN: Leaves.DECISION,
    DETECT: Leaves.DECISION,
    SEARCH: Leaves.DECISION,
    ("GET", "/v1/knowledge/collections"): Leaves.NOTHING,
    ("GET", "/v1/knowledge/why"): Leaves.NOTHING,
    ("GET", "/v1/models"): Leaves.NOTHING,
    ("GET", "/v1/models/{name:path}"): Leaves.NOTHING,
    ("GET", "/v1/runs/{run_id}"): Leaves.NOTHING,
    ("GET", "/v1/decisions"): Leaves.NOTHING,
    ("GET", "/v1/decisions/{id}"): Leaves.NOTHING,
    ("POST", "/v1/decisions/{id}/feedback"): Leaves.NOTHING,
    ("GET", "/v1/events"): Leaves.NOTHING,
    ("GET", "/v1/events/{id}"): Leaves.NOTHING,
    ("GET", "/v1/usage"): Leaves.NOTHING,
    ("GET", "/v1/approvals"): Leaves.NOTHING,
    ("GET", "/v1/approvals/{id}"): Leaves.NOTHING,
    ("POST", "/v1/approvals/{id}/approve"): Leaves.NOTHING,
    ("POST", "/v1/approvals/{id}/reject"): Leaves.NOTHING,
    ("POST", "/v1/approvals/{id}/edit"): Leaves.NOTHING,
    ("GET", "/v1/access"): Leaves.NOTHING,
    ("GET", "/v1/inventory"): Leaves.NOTHING,
    ("GET", "/v1/keys"): Leaves.NOTHING,
    ("POST", "/v1/keys"): Leaves.NOTHING,
    ("DELETE", "/v1/keys/{id}"): Leaves.NOTHING,
    ("GET", "/v1/people"): Leaves.NOTHING,
    ("POST", "/v1/people"): Leaves.NOTHING,
    ("GET", "/v1/people/{who}"): Leaves.NOTHING,
    ("POST", "/v1/people/{who}"): Leaves.NOTHING,
    ("DELETE", "/v1/people/{who}"): Leaves.NOTHING,
    ("GET", "/v1/groups"): Leaves.NOTHING,
    ("POST", "/v1/groups"): Leaves.NOTHING,
    ("GET", "/v1/groups/{name}"): Leaves.NOTHING,
    ("DELETE", "/v1/groups/{name}"): Leaves.NOTHING,
    ("POST", "/v1/groups/{name}/members"): Leaves.NOTHING,
    ("DELETE", "/v1/groups/{name}/members/{member:path}"): Leaves.NOTHING,
    ("GET", "/healthz"): Leaves.PROBE,
    ("GET", "/readyz"): Leaves.PROBE,
    ("GET", "/metrics"): Leaves.PROBE,
}
OTHERS = tuple(key for key, leaves in SURFACE.items() if leaves is not Leaves.DECISION)


def path_of(template: str, *, filled: str = "nothing") -> str:
    """A path of the template with every parameter filled in."""
    parts = template.split("/")
    return "/".join(filled if part.startswith("{") else part for part in parts)
