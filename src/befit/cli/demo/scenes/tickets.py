"""Scene 1: the tickets, on each model by itself and through Befit."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from befit.cli.demo.account import Account
from befit.cli.demo.company import GENERAL, SPECIALIST, TICKETS
from befit.cli.demo.documents import (
    CaseDecision,
    OutsideDocument,
    RequestDocument,
    RowDocument,
    TicketsDocument,
    request_document,
)
from befit.cli.demo.figures import is_right, row_of_befit, row_of_model
from befit.cli.demo.material import Ticket
from befit.cli.demo.scenes.measuring import Measurement, measure
from befit.cli.demo.scenes.training import train
from befit.cli.demo.screen import Screen
from befit.cli.demo.stage import Asked, Question, Stage

_AT_ONCE = 4
"""As many as `befit evaluate` has under way, so that latencies compare."""

_RIGHT, _WRONG, _UNSURE = "released, and right", "released, and wrong", "not sure enough"
_KINDS = (_RIGHT, _WRONG, _UNSURE)


@dataclass(frozen=True, kw_only=True, slots=True)
class TicketRows:
    """The rows of the one table, and a decision worth looking at."""

    rows: tuple[RowDocument, ...]
    decision_id: str


async def play_tickets(stage: Stage, screen: Screen) -> tuple[TicketsDocument, TicketRows]:
    """Train, measure beside the others, then do the work."""
    tickets = stage.material.held_out
    title = f"{len(tickets)} tickets that the specialist has never seen"
    screen.scene(1, title)
    training = await train(stage, screen)
    measurement = await measure(stage, screen)
    asked = await _ask_all(stage, screen, tickets)
    befit = row_of_befit("Befit", tickets, [each.account for each in asked])
    _tell(screen, befit)
    shown = _show(screen, tickets, asked)
    outside, shown_outside = await _ask_outside(stage, screen)
    document = TicketsDocument(
        scene="tickets",
        title=title,
        requests=(*shown, *shown_outside),
        training=training,
        evaluation_id=measurement.decision_id,
        large=measurement.large,
        general=measurement.general,
        specialist=measurement.specialist,
        verdict=measurement.verdict,
        befit=_pairs(tickets, asked),
        out_of_scope=outside,
    )
    rows = (*_rows_of_models(stage, measurement), befit)
    return document, TicketRows(rows=rows, decision_id=shown[0].decision_id)


def _rows_of_models(stage: Stage, measurement: Measurement) -> tuple[RowDocument, ...]:
    cards = stage.platform.catalog.current.cards
    named = [
        ("all on the general model", GENERAL, measurement.general),
        ("all on the small one", SPECIALIST, measurement.specialist),
    ]
    if stage.plan.large is not None:
        named.append(("all on the large one", stage.plan.large.name, measurement.large))
    rows = (
        row_of_model(name, cards[model], measured, decision_id=measurement.decision_id)
        for name, model, measured in named
    )
    return tuple(row for row in rows if row is not None)


async def _ask_all(stage: Stage, screen: Screen, tickets: Sequence[Ticket]) -> tuple[Asked, ...]:
    """Every ticket through the workflow: one request and one decision each."""
    found: dict[int, Asked] = {}
    waiting = iter(enumerate(tickets))
    with screen.progress("Befit answers") as progress:

        async def work() -> None:
            for number, ticket in waiting:
                found[number] = await stage.ask(Question(text=ticket.text, workflow=TICKETS))
                progress("", len(found), len(tickets))

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(_AT_ONCE):
                    group.create_task(work())
        except ExceptionGroup as failures:
            # The first failure stopped the others; it alone tells what is wrong.
            raise failures.exceptions[0] from None
    return tuple(found[number] for number in range(len(tickets)))


def _tell(screen: Screen, row: RowDocument) -> None:
    screen.gap()
    screen.say(
        f"Through Befit, one decision each: {row.answered} of {row.n} answered, {row.right} of "
        f"them right; {row.to_person} left with a person, because no answer passed its check."
    )


def _show(
    screen: Screen, tickets: Sequence[Ticket], asked: Sequence[Asked]
) -> tuple[RequestDocument, ...]:
    """The first of each kind in the order of the file: right, wrong, left with a person."""
    first: dict[str, tuple[Ticket, Asked]] = {}
    for ticket, each in zip(tickets, asked, strict=True):
        first.setdefault(_kind(ticket, each.account), (ticket, each))
    shown: list[RequestDocument] = []
    for kind in _KINDS:
        if kind in first:
            ticket, each = first[kind]
            screen.request(f"ticket {ticket.id}, {kind}", ticket.text, each)
            shown.append(request_document(ticket.id, each.account, each.output))
    return tuple(shown)


def _kind(ticket: Ticket, account: Account) -> str:
    if not account.is_answered:
        return _UNSURE
    return _RIGHT if is_right(ticket, account) else _WRONG


async def _ask_outside(
    stage: Stage, screen: Screen
) -> tuple[OutsideDocument, tuple[RequestDocument, ...]]:
    """Mails that belong to no class; the first that the specialist gave up on is shown."""
    mails = stage.material.outside
    asked = [await stage.ask(Question(text=mail.text, workflow=TICKETS)) for mail in mails]
    gave_up = [_abstained(each.account) for each in asked]
    shown = gave_up.index(True) if any(gave_up) else 0
    mail, each = mails[shown], asked[shown]
    screen.request(f"mail {mail.id}, of no kind", mail.text, each)
    answered = sum(each.account.is_answered for each in asked)
    told = OutsideDocument(
        n=len(mails),
        abstained=sum(gave_up),
        to_person=len(mails) - answered,
        answered=answered,
        cases=_pairs(mails, asked),
    )
    screen.gap()
    screen.say(
        f"Of {told.n} such mails the specialist abstained from {told.abstained}, {told.to_person} "
        f"went to a person in the end; answered as if they belonged: {told.answered}."
    )
    return told, (request_document(mail.id, each.account, each.output),)


def _abstained(account: Account) -> bool:
    """An abstention is the answer `oos`, which is none of the workflow's labels."""
    first = account.checks[0] if account.checks else None
    return first is not None and first.name == "label" and not first.passed


def _pairs(tickets: Sequence[Ticket], asked: Sequence[Asked]) -> tuple[CaseDecision, ...]:
    return tuple(
        CaseDecision(ticket.id, each.account.decision_id)
        for ticket, each in zip(tickets, asked, strict=True)
    )
