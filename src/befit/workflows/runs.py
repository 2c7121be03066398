"""`Run`: one execution of a workflow, kept so that its caller can come back for it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from befit.vocabulary import DEFAULT_TENANT, DataClass


class RunStatus(StrEnum):
    """Where a run stands; `running` and `pending_person` are the two that may change."""

    RUNNING = "running"
    PENDING_PERSON = "pending_person"
    ANSWERED = "answered"
    REFUSED = "refused"
    FAILED = "failed"
    CUT = "cut"
    REJECTED = "rejected"
    EXPIRED = "expired"

    @property
    def is_final(self) -> bool:
        """Whether a run that stands so has ended."""
        return self not in (RunStatus.RUNNING, RunStatus.PENDING_PERSON)


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """One run. Times are Unix seconds.

    Attributes:
        workflow: empty where the request named a model alone.
        output: JSON text; None while there is none, and where the key that sealed it
            has been destroyed.
        approval_id: what it waits for, or has waited for.
        data_class: the class of the output; None where it is not known.
    """

    run_id: str
    decision_id: str
    tenant: str
    workflow: str
    principal_id: str
    created_at: float
    status: RunStatus = RunStatus.RUNNING
    output: str | None = None
    finished_at: float | None = None
    approval_id: str | None = None
    data_class: DataClass | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Finish:
    """How a run ends: a final status, its output as JSON text and of which class, and when."""

    status: RunStatus
    at: float
    output: str | None = None
    data_class: DataClass | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class RunPage:
    """Which runs to list, newest first; `before` is the last id of the page before."""

    tenant: str = DEFAULT_TENANT
    status: RunStatus | None = None
    principal_id: str | None = None
    limit: int = 50
    before: str | None = None


class RunStore(Protocol):
    """Where runs are kept, their outputs sealed under their principal's key."""

    async def add(self, run: Run) -> None:
        """Keep a run, running, pending or finished; one that is there stays as it is."""
        ...

    async def finish(self, tenant: str, run_id: str, finish: Finish) -> Run:
        """End a run. Ending it again the same way changes nothing.

        Raises:
            NotFound: the tenant has no such run.
            Conflict: it has ended in another way.
        """
        ...

    async def get(self, tenant: str, run_id: str) -> Run | None:
        """The run, or None where the tenant has none of this id."""
        ...

    async def list(self, page: RunPage) -> tuple[Run, ...]:
        """A page of runs, newest first."""
        ...
