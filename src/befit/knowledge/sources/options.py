"""`SourceOptions`: what opening a source takes beside its address."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

GIB = 1024**3


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceOptions:
    """How sources fetch. Credentials are none of it: those come from the environment.

    Attributes:
        scratch_dir: where fetched content waits to be parsed; None is the system's folder for
            temporary files. Whoever names one keeps it closed, and clears it after a crash.
        most_bytes: no larger file is fetched.
        endpoint_url: of an object store that speaks S3 elsewhere; None is what the environment
            says (`AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL`).
        allow_http: whether `endpoint_url` may be without TLS; on loopback it always may.
        reads_object_metadata: whether each object is asked for the rights and class that its
            metadata states. Costs a request an object.
    """

    scratch_dir: Path | None = None
    most_bytes: int = GIB
    endpoint_url: str | None = None
    allow_http: bool = False
    reads_object_metadata: bool = True
