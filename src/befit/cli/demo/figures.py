"""The figures of the one table: how each way of working did on the same tickets."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from decimal import Decimal

from befit.catalog import ModelCard
from befit.cli.demo.account import Account
from befit.cli.demo.documents import MeasuredDocument, RowDocument
from befit.cli.demo.material import Ticket
from befit.statistics import p95, wilson
from befit.vocabulary import Zone

_MILLION = 1_000_000


def row_of_model(
    name: str, card: ModelCard, measured: MeasuredDocument, *, decision_id: str
) -> RowDocument | None:
    """All tickets on one model, from its row of the evaluation; None where it was not measured.

    Nobody else is asked there, so an abstention is a wrong answer, and none goes to a person.
    """
    if measured.score is None:
        return None
    right = round(measured.score * measured.n)
    cost = measured.cost_usd_per_1000
    return RowDocument(
        name=name,
        models=(card.name,),
        n=measured.n,
        answered=measured.n,
        right=right,
        wrong=measured.n - right,
        quality=measured.score,
        interval=measured.interval,
        to_person=0,
        p95_ms=measured.p95_ms,
        cost_usd_per_million=None if cost is None else cost * 1000,
        crossed_boundary=measured.n if card.zone is Zone.EXTERNAL else 0,
        decision_id=decision_id,
    )


def row_of_befit(name: str, tickets: Sequence[Ticket], accounts: Sequence[Account]) -> RowDocument:
    """All tickets through the workflow, from the account of each one's decision.

    An answer is known by its hash, as the ledger keeps it.
    """
    answered = [
        (ticket, account)
        for ticket, account in zip(tickets, accounts, strict=True)
        if account.is_answered
    ]
    right = sum(is_right(ticket, account) for ticket, account in answered)
    latency = p95([each.latency_ms for each in accounts if each.latency_ms is not None])
    models = {account.model for _, account in answered if account.model is not None}
    return RowDocument(
        name=name,
        models=tuple(sorted(models)),
        n=len(tickets),
        answered=len(answered),
        right=right,
        wrong=len(answered) - right,
        quality=right / len(answered) if answered else None,
        interval=wilson(right, len(answered)).as_pair() if answered else None,
        to_person=len(tickets) - len(answered),
        p95_ms=latency.value if latency else None,
        cost_usd_per_million=_per_million([each.cost_usd for each in accounts]),
        crossed_boundary=sum(account.crossed for account in accounts),
        decision_id=None,
    )


def is_right(ticket: Ticket, account: Account) -> bool:
    """Whether the released answer is the ticket's class."""
    return account.output_sha256 == hashlib.sha256(ticket.label.encode()).hexdigest()


def _per_million(costs: Sequence[Decimal | None]) -> Decimal | None:
    known = [cost for cost in costs if cost is not None]
    if not known or len(known) < len(costs):
        return None
    return sum(known, Decimal(0)) * _MILLION / len(known)
