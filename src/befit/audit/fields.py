"""What each type of event says, read from its opened fields.

Unknown fields are ignored and missing ones have defaults, so a record can be read from
the events of an older version.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TypeVar

import msgspec

from befit.audit.sections import fields_json
from befit.errors import WorkspaceError

_T = TypeVar("_T", bound=msgspec.Struct)


class Asked(msgspec.Struct, frozen=True):
    """What the caller named."""

    model: str | None = None
    workflow: str | None = None


class WorkflowRef(msgspec.Struct, frozen=True):
    """A workflow in one of its versions."""

    name: str
    version: str | None = None


class Usage(msgspec.Struct, frozen=True):
    """Tokens by class."""

    input: int = 0
    cached_input: int = 0
    output: int = 0
    reasoning: int = 0


class Candidate(msgspec.Struct, frozen=True):
    """A model that was considered, and why it was out."""

    model: str
    eligible: bool
    reasons: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()


class CheckResult(msgspec.Struct, frozen=True):
    """One check of one answer."""

    name: str
    passed: bool
    score: float | None = None
    detail: str | None = None


class Failure(msgspec.Struct, frozen=True):
    """Why a decision ended without an answer."""

    code: str
    message: str = ""


class PassageRead(msgspec.Struct, frozen=True):
    """A passage that a search gave."""

    collection: str
    doc_id: str
    passage_id: str
    version: str = ""
    data_class: str | None = None


class CitedSpan(msgspec.Struct, frozen=True):
    """Where an answer stands: characters of the text of a passage's document."""

    passage_id: str
    start: int = 0
    end: int = 0


class Opened(msgspec.Struct, frozen=True):
    """Fields of `opened`."""

    kind: str = ""
    source: str = ""
    principal_id: str | None = None
    key_id: str | None = None
    asked: Asked = Asked()
    stream: bool = False
    input_sha256: str | None = None
    input_bytes: int | None = None
    declared_class: str | None = None
    tags: tuple[str, ...] = ()


class Reserved(msgspec.Struct, frozen=True):
    """Fields of `reserved`."""

    permit_id: str = ""
    purpose: str = ""
    model: str = ""
    zone: str | None = None
    most_usd: Decimal | None = None
    data_class: str | None = None
    workflow: WorkflowRef | None = None
    key_id: str | None = None
    scopes: tuple[str, ...] = ()
    route: tuple[str, ...] = ()
    why: str = ""
    form: str = "raw"
    rules: tuple[str, ...] = ()
    class_origin: str | None = None
    joined_tags: tuple[str, ...] = ()
    detected: tuple[str, ...] = ()
    evidence: str | None = None
    because: str | None = None
    candidates: tuple[Candidate, ...] | None = None
    collections: tuple[str, ...] = ()
    passages: tuple[PassageRead, ...] = ()
    index_epoch: int | None = None
    access_epoch: int | None = None


class Settled(msgspec.Struct, frozen=True):
    """Fields of `settled`."""

    permit_id: str = ""
    purpose: str = ""
    model: str = ""
    outcome: str = ""
    error: str | None = None
    usage: Usage | None = None
    cost_usd: Decimal | None = None
    latency_ms: float | None = None
    first_token_ms: float | None = None


class Waiting(msgspec.Struct, frozen=True):
    """Fields of `waiting`."""

    approval_id: str = ""
    payload_sha256: str | None = None
    due: float | None = None
    reason: str | None = None


class Resolved(msgspec.Struct, frozen=True):
    """Fields of `resolved`."""

    approval_id: str = ""
    resolution: str = ""
    by: str | None = None
    payload_sha256: str | None = None


class Closed(msgspec.Struct, frozen=True):
    """Fields of `closed`."""

    status: str = ""
    workflow: WorkflowRef | None = None
    model: str | None = None
    zone: str | None = None
    evidence: str | None = None
    data_class: str | None = None
    class_origin: str | None = None
    joined_tags: tuple[str, ...] = ()
    detected: tuple[str, ...] = ()
    key_id: str | None = None
    checks: tuple[CheckResult, ...] = ()
    excluded: dict[str, str] = {}
    usage: Usage | None = None
    cost_usd: Decimal | None = None
    latency_ms: float | None = None
    overhead_ms: float | None = None
    output_sha256: str | None = None
    error: Failure | None = None
    collections: tuple[str, ...] = ()
    passages: tuple[PassageRead, ...] = ()
    index_epoch: int | None = None
    access_epoch: int | None = None
    found: bool | None = None
    probability: float | None = None
    citations: tuple[CitedSpan, ...] = ()


class Reviewed(msgspec.Struct, frozen=True):
    """Fields of `reviewed`."""

    rating: str = ""
    by: str | None = None
    note: str | None = None
    about: tuple[str, ...] = ()


def read_fields(kind: type[_T], fields: Mapping[str, msgspec.Raw]) -> _T:
    """The opened fields of an event as its type.

    Raises:
        WorkspaceError: a field has another type than Befit writes.
    """
    try:
        return msgspec.json.decode(fields_json(fields), type=kind)
    except msgspec.ValidationError as error:
        raise WorkspaceError(
            f"the fields of a {kind.__name__.lower()} event cannot be read: {error}",
            next_step="read them with the version of Befit that wrote them",
        ) from None
