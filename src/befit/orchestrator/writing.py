"""Write mode: a model answers from passages, and each sentence is held against what it cites."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from befit.catalog import ModelCard
from befit.knowledge.answers import NOT_IN_DOCUMENTS, Claim, Written, check_written
from befit.messages import ChatCompletion, ChatRequest
from befit.metering import most_cost_usd
from befit.orchestrator.account import Intent
from befit.orchestrator.attempt import Attempt
from befit.orchestrator.calls import NEXT_MODEL_MAY_HELP, Calls
from befit.orchestrator.completions import with_text
from befit.orchestrator.consultation import Consultation
from befit.orchestrator.eligibility import exceeds_ceiling
from befit.orchestrator.grounding import NOT_FOUND, grounds_of_text, nothing_to_read
from befit.orchestrator.prompt import mended
from befit.orchestrator.run import Run
from befit.routing import CheckResult

_CHECK = "citations"
_ORNAMENT = re.compile(r"\[\d{1,3}\]|[\s\"'*_.>]+")


class Writing:
    """Asks a model to write from what was found; what it cannot support is never released."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def answer(
        self, run: Run, consultation: Consultation, card: ModelCard, intent: Intent
    ) -> Attempt:
        """Write an answer; where the passages do not support it, the model may mend it once.

        Raises:
            ModelFailure: the first call failed; nothing was written.
        """
        if not consultation.found.passages:
            return nothing_to_read(run, consultation)
        request = run.prepared_for(card).request
        draft = await self._draft(run, consultation, card, intent, request)
        # Mending shows the model its own words, and what was redacted in them stands there again.
        if draft.faults and run.redaction_for(card) is None:
            mending = mended(request, draft.attempt.completion, draft.faults)
            draft = await self._mended(run, consultation, card, intent, mending) or draft
        return draft.attempt

    async def _mended(
        self,
        run: Run,
        consultation: Consultation,
        card: ModelCard,
        intent: Intent,
        request: ChatRequest,
    ) -> _Draft | None:
        """The answer as the model mends it; None where it may not or cannot be asked again."""
        most_usd = most_cost_usd(card, request)
        if exceeds_ceiling(run, most_usd):
            return None
        because = f"{card.name}: {run.checks[-1].detail}"
        again = replace(intent, most_usd=most_usd, because=because)
        try:
            return await self._draft(run, consultation, card, again, request)
        except NEXT_MODEL_MAY_HELP:
            return None

    async def _draft(
        self,
        run: Run,
        consultation: Consultation,
        card: ModelCard,
        intent: Intent,
        request: ChatRequest,
    ) -> _Draft:
        permitted = await self._calls.reserve(run, card, intent)
        completion = await self._calls.chat(run, permitted, request)
        if _says_nothing(completion.text):
            consultation.grounds = NOT_FOUND
            return _Draft(attempt=Attempt(completion=with_text(completion, NOT_IN_DOCUMENTS)))
        written = await asyncio.to_thread(
            check_written, completion.text, consultation.found, question=consultation.question
        )
        consultation.grounds = grounds_of_text(written, consultation.found)
        check = _judged(written, completion)
        run.checks.append(check)
        if check.passed:
            return _Draft(attempt=Attempt(completion=completion))
        attempt = Attempt(completion=completion, fault=check.detail)
        return _Draft(attempt=attempt, faults=written.unsupported)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Draft:
    """What one call came to; `faults` is what the model can be told to mend."""

    attempt: Attempt
    faults: Sequence[Claim] = ()


def _judged(written: Written, completion: ChatCompletion) -> CheckResult:
    """Whether all of it may be released. The detail names no word of what may not."""
    if completion.finish_reason == "length":
        detail = "the answer was cut by its length limit"
    elif not written.claims:
        detail = "the answer states nothing"
    elif written.unsupported:
        reasons = sorted({str(claim.fault) for claim in written.unsupported if claim.fault})
        detail = (
            f"{len(written.unsupported)} of {len(written.claims)} statements are not supported: "
            f"{'; '.join(reasons)}"
        )
    else:
        return CheckResult(name=_CHECK, passed=True)
    return CheckResult(name=_CHECK, passed=False, detail=detail)


def _says_nothing(text: str) -> bool:
    """Whether the model says, as it was told to, that the passages hold no answer."""
    return _plain(text) == _plain(NOT_IN_DOCUMENTS)


def _plain(text: str) -> str:
    return _ORNAMENT.sub(" ", text).strip().casefold()
