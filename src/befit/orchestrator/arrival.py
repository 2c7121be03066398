"""`Arrival`: a request as the gateway or the command line hands it in."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from befit.identity import Principal
from befit.messages import BefitOptions, ChatRequest, EmbeddingRequest


class Source(StrEnum):
    """Which door a request came through."""

    HTTP = "http"
    CLI = "cli"


class Kind(StrEnum):
    """What a decision is about."""

    CHAT = "chat"
    RUN = "run"
    ROUTE = "route"
    EMBEDDINGS = "embeddings"
    EVALUATE = "bulk:evaluate"
    PREDICT = "bulk:predict"
    TRAIN = "bulk:train"
    INGEST = "bulk:ingest"
    DETECT = "detect"
    SEARCH = "search"
    PROBE = "probe"


@dataclass(frozen=True, kw_only=True, slots=True)
class Arrival:
    """One chat request or workflow run.

    Attributes:
        caller: the bearer text as presented (None: no header), or the principal that the
            command line has established by owning the workspace.
    """

    caller: str | Principal | None
    request: ChatRequest
    source: Source = Source.HTTP
    kind: Kind = Kind.CHAT


@dataclass(frozen=True, kw_only=True, slots=True)
class EmbeddingArrival:
    """One embeddings request."""

    caller: str | Principal | None
    request: EmbeddingRequest
    source: Source = Source.HTTP


@dataclass(frozen=True, kw_only=True, slots=True)
class Digest:
    """The hash of what was asked, as the ledger has it, and its size."""

    sha256: str
    size: int

    @classmethod
    def of(cls, content: bytes) -> Digest:
        """The digest of bytes as they were received."""
        return cls(sha256=hashlib.sha256(content).hexdigest(), size=len(content))

    @classmethod
    def of_file(cls, path: Path) -> Digest:
        """The digest of a file as it stands, without holding it; may take a while."""
        with path.open("rb") as file:
            return cls(sha256=hashlib.file_digest(file, "sha256").hexdigest(), size=file.tell())


@dataclass(frozen=True, kw_only=True, slots=True)
class BulkArrival:
    """A bulk command: many rows under one decision.

    Attributes:
        workflow: the workflow the rows belong to; None for rows of no workflow yet.
        content: the rows' bytes, for the decision's input hash; or that, where they are many.
    """

    principal: Principal
    kind: Kind
    workflow: str | None
    content: bytes | Digest
    befit: BefitOptions = field(default_factory=BefitOptions)
    source: Source = Source.CLI
