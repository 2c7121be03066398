"""What leaves the staircase: a whole answer, a stream, an explanation, or embeddings."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

import msgspec

from befit.audit import Receipt, encode_receipt
from befit.messages import ChatCompletion, Embeddings, TokenUsage
from befit.orchestrator.consultation import Cited, Grounds
from befit.policy import Form
from befit.routing import Candidate, CheckResult
from befit.vocabulary import DataClass, Evidence, Status, Zone


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """What every answer says of itself, beside its content.

    Attributes:
        workflow: the workflow's name, or None where a model was named.
        model: the model that answered; None where none did.
        form: whether the content went to the model as it came or redacted.
        excluded: every card that was not eligible, with its reasons.
        why: one sentence on the choice of the first model.
        grounds: what an answer from documents rests on; None where none were asked.
    """

    decision_id: str
    workflow: str | None
    model: str | None
    zone: Zone | None
    evidence: Evidence
    data_class: DataClass
    form: Form
    excluded: Mapping[str, str]
    why: str
    grounds: Grounds | None = None

    @property
    def run_id(self) -> str:
        """The id to poll the run by."""
        return run_id_of(self.decision_id)


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """A whole answer, recorded and closed (or waiting for a person).

    Attributes:
        output: what the caller asked for; None while a person's decision is pending.
        receipt: of the `closed` event, or of `waiting`.
        approval_id: set where a person decides.
        overhead_ms: Befit's own time, model calls apart.
    """

    standing: Standing
    status: Status
    completion: ChatCompletion
    output: str | None
    receipt: Receipt
    checks: tuple[CheckResult, ...]
    usage: TokenUsage
    cost_usd: Decimal | None
    latency_ms: float
    overhead_ms: float
    approval_id: str | None = None


class EventStream(Protocol):
    """Events to pass on; whoever holds it closes it, taken or not."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        """The events in order."""
        ...

    async def aclose(self) -> None:
        """End the stream: cancels upstream and closes the decision."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamedAnswer:
    """An answer relayed as it comes.

    Attributes:
        events: whole server-sent events, the last of them `data: [DONE]`, or an error event
            on which the stream ends. Closing it early cancels upstream and closes the decision.
        opened: the receipt of the `opened` event, for the response header.
    """

    standing: Standing
    opened: Receipt
    events: EventStream


@dataclass(frozen=True, kw_only=True, slots=True)
class Explanation:
    """What `route` says: the plan without a call of an answering model."""

    standing: Standing
    status: Status
    candidates: tuple[Candidate, ...]
    route: tuple[str, ...]
    latency_ms: float


@dataclass(frozen=True, kw_only=True, slots=True)
class EmbeddingAnswer:
    """Vectors with their decision."""

    standing: Standing
    embeddings: Embeddings
    receipt: Receipt
    cost_usd: Decimal | None


def run_id_of(decision_id: str) -> str:
    """A run's id is its decision's under another prefix, so that neither needs a look-up."""
    return "run_" + decision_id.removeprefix("dec_")


def decision_id_of(run_id: str) -> str:
    """The decision of a run."""
    return "dec_" + run_id.removeprefix("run_")


def befit_object(standing: Standing, *, status: Status, receipt: Receipt) -> dict[str, object]:
    """The `befit` object of an answer over HTTP (contract)."""
    return {
        "decision_id": standing.decision_id,
        "run_id": standing.run_id,
        "status": status,
        "workflow": standing.workflow,
        "model": standing.model,
        "zone": standing.zone,
        "evidence": standing.evidence,
        "data_class": standing.data_class.word,
        "form": standing.form,
        "receipt": encode_receipt(receipt),
        **_told_of(standing.grounds, status),
    }


def citation_object(cited: Cited) -> dict[str, object]:
    """One citation as answers, approvals and commands show it (contract)."""
    citation = cited.citation
    boxes = [msgspec.to_builtins(each) for each in citation.boxes]
    return {
        "doc_id": citation.doc_id,
        "passage_id": citation.passage_id,
        "version": citation.version,
        "page": citation.page,
        "start": citation.start,
        "end": citation.end,
        "text": citation.text,
        "collection": citation.collection,
        "title": citation.title,
        "mark": cited.mark,
        **({"boxes": boxes} if boxes else {}),
    }


def _told_of(grounds: Grounds | None, status: Status) -> dict[str, object]:
    """What is told of an answer's grounds; of one that a person has yet to see, no words."""
    if grounds is None:
        return {}
    if status is not Status.ANSWERED:
        return {"found": grounds.found}
    return {"found": grounds.found, "citations": [citation_object(each) for each in grounds.cited]}
