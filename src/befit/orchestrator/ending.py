"""Step "close": the ways a run ends, each with its one `closed` event."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from befit.audit import EventType, Receipt
from befit.errors import BefitError, LedgerUnavailable, ModelFailure
from befit.messages import ChatCompletion
from befit.orchestrator import account
from befit.orchestrator.answer import Answer, Explanation
from befit.orchestrator.closings import Closings
from befit.orchestrator.completions import with_text
from befit.orchestrator.naming import GENERAL
from befit.orchestrator.prompt import unproven_notice
from befit.orchestrator.run import Run
from befit.vocabulary import Evidence, Status


async def answered(run: Run, completion: ChatCompletion) -> Answer:
    """Release a whole answer: nothing of it leaves before `closed` is durable."""
    if needs_notice(run) and run.answering is not None:
        notice = unproven_notice(run.answering.name)
        completion = with_text(completion, completion.text + notice)
    digest = hashlib.sha256(completion.text.encode()).hexdigest()
    receipt = await close(run, Status.ANSWERED, output_sha256=digest)
    return whole_answer(run, completion, receipt, status=Status.ANSWERED, output=completion.text)


def whole_answer(
    run: Run,
    completion: ChatCompletion,
    receipt: Receipt,
    *,
    status: Status,
    output: str | None,
    approval_id: str | None = None,
) -> Answer:
    """The answer of a run as it stands now."""
    latency_ms = run.latency_ms
    return Answer(
        standing=run.standing(),
        status=status,
        completion=completion,
        output=output,
        receipt=receipt,
        checks=tuple(run.checks),
        usage=run.usage,
        cost_usd=run.cost_usd,
        latency_ms=latency_ms,
        overhead_ms=max(0.0, latency_ms - run.model_ms),
        approval_id=approval_id,
    )


async def explained(run: Run, status: Status) -> Explanation:
    """End a run that only asked for its plan."""
    await close(run, "explained")
    return Explanation(
        standing=run.standing(),
        status=status,
        candidates=run.candidates,
        route=run.route.names if run.route else (),
        latency_ms=run.latency_ms,
    )


async def refused(run: Run, error: BefitError) -> None:
    """Record why nothing was answered; the error then carries the decision's id."""
    error.decision_id = run.decision_id
    error.excluded = run.excluded
    if isinstance(error, LedgerUnavailable) or run.log.is_ended:
        return  # nothing can be recorded; recovery closes the decision at the next start
    await close(run, "failed" if isinstance(error, ModelFailure) else "refused", error=error)


@asynccontextmanager
async def closing(run: Run, closings: Closings) -> AsyncGenerator[None]:
    """Around the steps of a run: whichever way they are left, the decision is closed once."""
    try:
        yield
    except BefitError as error:
        await refused(run, error)
        raise
    except BaseException as error:
        # The caller has left, or Befit itself failed: the record must still be finished.
        status = "cut" if isinstance(error, asyncio.CancelledError) else "failed"
        await closings.finish(_abandoned(run, status))
        raise


async def _abandoned(run: Run, status: str) -> None:
    if not run.log.is_ended:
        await close(run, status)


async def close(
    run: Run, status: str, *, output_sha256: str | None = None, error: BefitError | None = None
) -> Receipt:
    """Append `closed` behind whatever is staged; the receipt is that of `closed`."""
    fields = account.closed(run, status=status, output_sha256=output_sha256, error=error)
    run.log.stage(EventType.CLOSED, fields, step=run.step)
    return (await run.log.flush())[-1]


def needs_notice(run: Run) -> bool:
    """Whether the general assistant must say that nothing stands behind its model."""
    workflow = run.workflow
    return (
        run.evidence is Evidence.NONE
        and run.named_model is None
        and workflow is not None
        and workflow.name == GENERAL
        and run.request.response_format is None
        and not run.request.has_tools
    )
