"""`CaseFile`: the cases of a bulk command, read once and checked before anything is called."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from befit.catalog import Workflow
from befit.errors import InvalidRequest
from befit.evaluation import cases_sha256, read_cases
from befit.gateway.operations.answering.asking import befit_options
from befit.gateway.operations.answering.workflow_input import input_text
from befit.identity import Principal
from befit.messages import ChatRequest
from befit.orchestrator import BulkArrival, BulkCase, Kind
from befit.vocabulary import Case


@dataclass(frozen=True, kw_only=True, slots=True)
class CaseFile:
    """What a file of cases holds.

    Attributes:
        content: the file's bytes, for the decision's input hash.
    """

    path: Path
    cases: tuple[Case, ...]
    content: bytes

    @classmethod
    async def read(cls, path: str) -> CaseFile:
        """Read a file off the event loop.

        Raises:
            InvalidRequest: with file and line, for what cannot be read or is no case.
        """
        return await asyncio.to_thread(cls._read, absolute_path(path))

    @classmethod
    def _read(cls, path: Path) -> CaseFile:
        cases = tuple(read_cases(path))  # raises for what is not readable, so that bytes can be
        return cls(path=path, cases=cases, content=path.read_bytes())

    @property
    def sha256(self) -> str:
        """`sha256:<hex>` of what the cases say."""
        return cases_sha256(self.cases)

    def bulk(self, workflow: Workflow | None) -> tuple[BulkCase, ...]:
        """The cases as the orchestrator takes them.

        Raises:
            InvalidRequest: an input does not fit the workflow's input schema.
        """
        return tuple(self._bulk(workflow))

    def arrival(
        self, principal: Principal, kind: Kind, *, workflow: str | None, data_class: str | None
    ) -> BulkArrival:
        """The bulk command that these cases are for.

        Raises:
            InvalidRequest: no such data class.
        """
        options = befit_options(
            workflow=None, data_class=data_class, tags=(), collection=None, conversation=None
        )
        return BulkArrival(
            principal=principal,
            kind=kind,
            workflow=workflow,
            content=self.content,
            befit=options,
        )

    def require_expected(self) -> None:
        """Refuse cases that nothing can be measured with.

        Raises:
            InvalidRequest: naming the first case without an expected answer.
        """
        for case in self.cases:
            if case.expected is None:
                raise InvalidRequest(
                    f"{self.path}: case {case.id!r} has no `expected` answer",
                    next_step="add it, or use `befit predict`, which needs none",
                )

    def _bulk(self, workflow: Workflow | None) -> Iterator[BulkCase]:
        for case in self.cases:
            try:
                text = input_text(case.input, workflow)
            except InvalidRequest as error:
                raise InvalidRequest(
                    f"{self.path}: case {case.id!r}: {error.message}", param=error.param
                ) from None
            yield BulkCase(id=case.id, request=ChatRequest.from_text(text, model="bulk"))


def absolute_path(path: str) -> Path:
    """The path of a file to read; a server has another working directory than its caller.

    Raises:
        InvalidRequest: it is relative.
    """
    found = Path(path)
    if not found.is_absolute():
        raise InvalidRequest(
            f"the path {path!r} is relative", next_step="name the file by its whole path"
        )
    return found
