"""Step "ask a person": the answer waits for a decision on exactly its payload."""

from __future__ import annotations

import msgspec

from befit.approvals import Approval, ApprovalKind, Proposal
from befit.audit import EventType
from befit.messages import ChatCompletion
from befit.orchestrator import account, ending
from befit.orchestrator.answer import Answer, citation_object, run_id_of
from befit.orchestrator.collaborators import Collaborators, PendingRun
from befit.orchestrator.completions import worded
from befit.orchestrator.run import Run
from befit.orchestrator.uninterrupted import to_the_end
from befit.vocabulary import Status

_EXPIRY_S = 7 * 24 * 3600.0
_MESSAGE = (
    "This request is waiting for a person's decision. "
    "Its answer will be at /v1/runs/{run_id} (run {run_id})."
)


class AskPerson:
    """Leaves an answer with the people entitled to decide on it."""

    def __init__(self, rooms: Collaborators) -> None:
        self._rooms = rooms

    async def ask(self, run: Run, proposed: ChatCompletion | None, *, because: str) -> Answer:
        """Open an approval, record `waiting`, and answer the caller with `pending_person`.

        `proposed` is None where no model could answer: the person then writes the answer
        by `edit`, or rejects.
        """
        return await to_the_end(self._ask(run, proposed, because))

    async def _ask(self, run: Run, proposed: ChatCompletion | None, because: str) -> Answer:
        # Rows first: a crash before `waiting` is durable leaves an approval that nobody can
        # decide (`Resolutions` wants the event), never a decision that nobody can answer.
        approval = await self._open_approval(run, proposed, because=because)
        await self._rooms.pending.add_pending(
            PendingRun(
                tenant=run.principal.tenant,
                run_id=run_id_of(run.decision_id),
                decision_id=run.decision_id,
                workflow=run.workflow.name if run.workflow else None,
                principal_id=run.principal.id,
                approval_id=approval.id,
            )
        )
        run.log.stage(
            EventType.WAITING,
            account.closed(run, status=Status.PENDING_PERSON, output_sha256=None)
            | {
                "approval_id": approval.id,
                "payload_sha256": approval.payload_sha256,
                "due": approval.due,
                "reason": because,
            },
            step=run.step,
        )
        receipts = await run.log.flush()
        return ending.whole_answer(
            run,
            _pending_message(run),
            receipts[-1],
            status=Status.PENDING_PERSON,
            output=None,
            approval_id=approval.id,
        )

    async def _open_approval(
        self, run: Run, proposed: ChatCompletion | None, *, because: str
    ) -> Approval:
        workflow = run.workflow
        payload: dict[str, object] = {
            "request": run.asked_text,
            "answer": proposed.text if proposed else None,
            "model": run.answering.name if proposed and run.answering else None,
            "reason": because,
            **_grounds(run, proposed),
        }
        proposal = Proposal(
            kind=ApprovalKind.ANSWER,
            decision_id=run.decision_id,
            run_id=run_id_of(run.decision_id),
            workflow=workflow.name if workflow else "",
            step=run.step,
            payload=msgspec.json.encode(payload).decode(),
            reviewers=workflow.reviewers if workflow else (),
            expiry_s=workflow.approval_expiry_s if workflow else _EXPIRY_S,
            data_class=run.classification.data_class,
        )
        return await self._rooms.approvals.open(proposal, requester=run.principal)


def _grounds(run: Run, proposed: ChatCompletion | None) -> dict[str, object]:
    """What an answer from documents rests on, for the person to hold it against."""
    grounds = run.consultation.grounds if run.consultation else None
    if grounds is None or proposed is None:
        return {}
    return {"found": grounds.found, "citations": [citation_object(each) for each in grounds.cited]}


def _pending_message(run: Run) -> ChatCompletion:
    return worded(run, _MESSAGE.format(run_id=run_id_of(run.decision_id)), by="person")
