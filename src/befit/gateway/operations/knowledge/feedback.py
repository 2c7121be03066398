"""Operations on feedback: say what an answer was worth, and take what was said as cases."""

from __future__ import annotations

import time

import msgspec

from befit.audit import DecisionRecord, Draft, EventType, Sections
from befit.errors import Conflict, InvalidRequest, NotFound
from befit.gateway.operations.entitled import may, require, workflow_named
from befit.gateway.operations.ledger.reading import Reading, record_reading
from befit.gateway.operations.operation import OpDocument, OpParams, operation
from befit.identity import Principal
from befit.knowledge.feedback import (
    MOST_NOTE_CHARS,
    AskedQuestion,
    Opinion,
    RatedQuestion,
    Rating,
)
from befit.messages import Message
from befit.orchestrator import decision_id_of
from befit.platform import Platform
from befit.policy import Action
from befit.vocabulary import DataClass

_MOST_REVIEWS = 100
_MOST_CASES = 500


class FeedbackGiven(OpParams, frozen=True, kw_only=True):
    """What somebody says of a decision, by its id or its run's.

    `passages` are ids of passages that it gave, where the rating is of these and not of all.
    """

    id: str
    rating: Rating
    note: str | None = None
    passages: tuple[str, ...] = ()


class FeedbackDocument(OpDocument, frozen=True, kw_only=True):
    """What was kept. `is_case` tells whether it becomes an evaluation case: it does where the
    decision asked documents."""

    decision_id: str
    rating: str
    by: str
    at: float
    is_case: bool


class CasesWanted(OpParams, frozen=True, kw_only=True):
    """Which feedback is taken as cases: of one workflow, or of everything.

    `after` is `next` of the page before.
    """

    workflow: str | None = None
    limit: int = _MOST_CASES
    after: str = ""


class FeedbackMeta(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of a case beside its text.

    `relevant` grades documents as `search --queries` takes them; `flagged` is there where what
    was given was wrong or outdated, so that somebody writes what would have been right.
    `history` is without answers: they say what documents say, and who takes cases may not be
    one of their readers.
    """

    rating: str
    at: float
    flagged: bool = False
    note: str | None = None
    workflow: str | None = None
    history: tuple[Message, ...] = ()
    relevant: dict[str, int] = {}
    passages: tuple[str, ...] = ()


class FeedbackCase(msgspec.Struct, frozen=True, kw_only=True):
    """One case (contract `cases`): the question, and what was said of what it was given."""

    id: str
    input: str
    meta: FeedbackMeta


class FeedbackCases(OpDocument, omit_defaults=True, frozen=True, kw_only=True):
    """Cases, oldest decision first. `next` is `after` of the next page; absent on the last."""

    cases: tuple[FeedbackCase, ...]
    next: str | None = None


async def give_feedback(
    platform: Platform, principal: Principal, params: FeedbackGiven
) -> FeedbackDocument:
    """Say what an answer, or what a search found, was worth.

    Raises:
        NotFound: no such decision, for who neither asked it nor reviews its workflow.
        InvalidRequest: the note is too long, or a passage is not of the decision.
        Conflict: it is not closed yet, or very much was said of it already.
        LedgerUnavailable: it cannot be recorded, and nothing was kept.
    """
    decision_id = decision_id_of(params.id) if params.id.startswith("run_") else params.id
    record = await platform.record(principal.tenant, decision_id)
    _require_part(platform, principal, record)
    _require_room(record, params)
    asked = await platform.stores.feedback.asked(principal.tenant, decision_id)
    _require_given(asked, params.passages)
    opinion = Opinion(
        rating=params.rating,
        by=principal.id,
        at=time.time(),
        note=params.note or None,
        about=params.passages,
    )
    await platform.ledger.append((_reviewed(platform, record, opinion),))
    if asked is not None:
        await platform.stores.feedback.rate(asked, opinion)
    return FeedbackDocument(
        decision_id=decision_id,
        rating=opinion.rating,
        by=opinion.by,
        at=opinion.at,
        is_case=asked is not None and bool(asked.question),
    )


async def feedback_cases(
    platform: Platform, principal: Principal, params: CasesWanted
) -> FeedbackCases:
    """What was said of answers, as evaluation cases.

    Raises:
        Forbidden: others' questions are read, which takes the action `audit`.
        NotFound: no such workflow.
        InvalidRequest: the limit cannot be.
        LedgerUnavailable: the reading cannot be recorded.
    """
    if not 1 <= params.limit <= _MOST_CASES:
        raise InvalidRequest(
            f"limit is {params.limit}; it goes from 1 to {_MOST_CASES}", param="limit"
        )
    if params.workflow is not None:
        platform.catalog.current.of(principal.tenant).find_workflow(params.workflow)
    about = workflow_named(params.workflow)
    require(platform, principal, Action.AUDIT, "read what others asked", about)
    rated = await platform.stores.feedback.rated(
        principal.tenant, workflow=params.workflow, after=params.after, limit=params.limit
    )
    told = {"for": "feedback", "workflow": params.workflow, "count": len(rated)}
    await record_reading(platform, principal, Reading.SEARCH, subject="decisions", told=told)
    more = rated[-1].asked.decision_id if len(rated) == params.limit else None
    cases = tuple(_case(each) for each in rated if each.asked.question)
    return FeedbackCases(cases=cases, next=more)


def _require_part(platform: Platform, principal: Principal, record: DecisionRecord) -> None:
    """Who asked may say, and who may decide on answers of the workflow."""
    if record.principal_id is not None and record.principal_id == principal.id:
        return
    workflow = workflow_named(record.workflow.name if record.workflow else None)
    if not may(platform, principal, Action.APPROVE, workflow):
        raise NotFound(f"no decision {record.decision_id!r}")


def _require_room(record: DecisionRecord, params: FeedbackGiven) -> None:
    if record.closed_at is None:
        raise Conflict(
            f"decision {record.decision_id} is not closed yet: it is {record.status}",
            next_step="say it once it is answered",
        )
    if len(record.reviews) >= _MOST_REVIEWS:
        raise Conflict(f"{_MOST_REVIEWS} opinions on decision {record.decision_id} are kept")
    if params.note is not None and len(params.note) > MOST_NOTE_CHARS:
        raise InvalidRequest(
            f"the note has {len(params.note)} characters; at most {MOST_NOTE_CHARS} are kept",
            param="note",
        )


def _require_given(asked: AskedQuestion | None, passages: tuple[str, ...]) -> None:
    given = {each.passage_id for each in asked.passages} if asked else frozenset[str]()
    for passage_id in passages:
        if passage_id not in given:
            raise InvalidRequest(
                f"passage {passage_id[:80]!r} is not among those of this decision",
                next_step="name a `passage_id` of its citations or results",
                param="passages",
            )


def _reviewed(platform: Platform, record: DecisionRecord, opinion: Opinion) -> Draft:
    word = record.data_class
    return Draft(
        type=EventType.REVIEWED,
        tenant=record.tenant,
        decision_id=record.decision_id,
        step="1",
        principal=opinion.by,
        policy=platform.policy.hash,
        subject=record.principal_id,  # it is about who asked, whoever says it
        data_class=DataClass.from_word(word) if word else None,
        fields=Sections.of(
            {
                "rating": opinion.rating,
                "by": opinion.by,
                "note": opinion.note,
                "about": opinion.about,
                "time": opinion.at,
            }
        ),
    )


def _case(rated: RatedQuestion) -> FeedbackCase:
    asked, opinion = rated.asked, rated.opinion
    meta = FeedbackMeta(
        rating=opinion.rating,
        at=opinion.at,
        flagged=opinion.rating is not Rating.USEFUL,
        note=opinion.note,
        workflow=asked.workflow,
        history=tuple(turn for turn in asked.history if turn.role == "user"),
        relevant=rated.relevant,
        passages=tuple(each.passage_id for each in asked.passages),
    )
    return FeedbackCase(id=asked.decision_id, input=asked.question, meta=meta)


OPERATIONS = (
    operation("feedback.give", FeedbackGiven, give_feedback),
    operation("feedback.cases", CasesWanted, feedback_cases),
)
