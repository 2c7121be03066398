"""`BulkContent`: what the rows of a bulk hold, joined into one class, and each row's redaction.

One permit covers many rows, so all that they hold is joined before it is asked for. A row that
was not joined then is not sent at all.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence

import msgspec

from befit.errors import PermitDenied
from befit.knowledge.released import Released
from befit.messages import ChatRequest
from befit.orchestrator.content import Content
from befit.orchestrator.examining import examine_request
from befit.orchestrator.redaction import Redaction
from befit.orchestrator.run import Run
from befit.policy import ClassOrigin, Form
from befit.policy.detection import Examine
from befit.vocabulary import DataClass

_ROWS_AT_ONCE = 200


class BulkContent:
    """The rows of one bulk run, known by what they say: ids may stand twice."""

    def __init__(self, run: Run, released: Released) -> None:
        self._run = run
        self._released = released
        self._joined: set[bytes] = set()
        self._redactions: dict[bytes, Redaction] = {}

    async def join(self, requests: Sequence[ChatRequest]) -> None:
        """Join what each new row holds into the class of the whole bulk."""
        new = {_mark(request): request for request in requests}
        new = {mark: request for mark, request in new.items() if mark not in self._joined}
        examine = self._run.in_force.examine
        if examine is not None and new:
            await asyncio.to_thread(self._examine, examine, new)
        rows = list(new.values())
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            await self._join_released(rows[start : start + _ROWS_AT_ONCE])
        self._joined.update(new)

    async def _join_released(self, rows: Sequence[ChatRequest]) -> None:
        """Rows that hold what was released before have at least the class it had then."""
        run = self._run
        texts = await asyncio.to_thread(_texts_of, rows)
        carries = await self._released.class_of(run.principal.tenant, texts)
        if carries is not None:
            run.classification = run.classification.carrying(
                carries.data_class, carries.tags, origin=ClassOrigin.RELEASED
            )

    def sent(self, request: ChatRequest, form: Form) -> ChatRequest:
        """A row as it may go to a model: as it came, or redacted.

        Raises:
            PermitDenied: it was not among the rows that the permit was asked for.
        """
        redaction = self.redaction(request, form)
        return redaction.request if redaction else request

    def redaction(self, request: ChatRequest, form: Form) -> Redaction | None:
        """What stands between a row and a model that may not have it raw; most need none.

        Raises:
            PermitDenied: as `sent`.
        """
        mark = _mark(request)
        if mark not in self._joined:
            raise PermitDenied("a row was not among those that this bulk's permit was asked for")
        return None if form is Form.RAW else self._redactions.get(mark)

    def _examine(self, examine: Examine, requests: Mapping[bytes, ChatRequest]) -> None:
        run = self._run
        workflow = run.workflow
        strictest = workflow.requirements.highest_class if workflow else DataClass.RESTRICTED
        for mark, request in requests.items():
            content, found = examine_request(examine, request)
            is_text = request.is_text_only and found.is_whole
            run.classification = run.classification.joined(found, is_text=is_text)
            if not is_text:
                run.classification = run.classification.unexamined(strictest)
            if any(found.sensitive):
                self._redactions[mark] = Redaction.of(content, found, workflow)


def _texts_of(rows: Sequence[ChatRequest]) -> list[str]:
    return [text for request in rows for text in Content.of(request).texts]


def _mark(request: ChatRequest) -> bytes:
    return hashlib.sha256(msgspec.json.encode(request.fields)).digest()
