"""The one table, and the decision behind one of its figures."""

from __future__ import annotations

import shlex

import msgspec

from befit.cli.decision_report import decision_report
from befit.cli.demo.documents import RowDocument, SummaryDocument
from befit.cli.demo.scenes import TicketRows
from befit.cli.demo.screen import Screen
from befit.cli.demo.stage import Stage
from befit.cli.output import money
from befit.vocabulary import DEFAULT_TENANT

_HEADINGS = (
    "the same tickets",
    "right of\nanswered",
    "wrong",
    "to a\nperson",
    "p95\nms",
    "USD per\nmillion",
    "crossed\nboundary",
)


_NOTES = (
    "Befit's quality counts the {answered} tickets it answered; what went to a person counts "
    "neither way. The other rows answer everything, and an abstention is a wrong answer there. "
    "95% Wilson intervals. p95 with 4 tickets under way: Befit's is of the whole decision, signed "
    "and on disk, the others' of the model's call alone. Crossed boundary: tickets sent to a model "
    "in zone external. 0 USD is what a provider bills; models on this machine cost the machine."
)


class _Verified(msgspec.Struct):
    """What is told of `audit verify`."""

    ok: bool
    events: int
    decisions: int


async def show_summary(stage: Stage, screen: Screen, tickets: TicketRows) -> SummaryDocument:
    """Print the table with what it does and does not say, then one decision whole."""
    rows = tickets.rows
    screen.scene("", "All of it")
    screen.table(_HEADINGS, [_cells(row) for row in rows], strong=len(rows) - 1)
    screen.gap()
    befit = rows[-1]
    released = ", ".join(f"{row.name}: {row.wrong}" for row in rows)
    screen.say(
        f"Wrong answers released out of {befit.n} tickets: {released}, with "
        f"{befit.to_person} ({befit.to_person / befit.n:.1%}) left to a person.",
        style="bold",
    )
    screen.gap()
    screen.say(_NOTES.format(answered=befit.answered))
    show = _command(stage, tickets.decision_id)
    await _show_decision(stage, screen, tickets.decision_id, show)
    return SummaryDocument(n=befit.n, rows=rows, show=show, decision_id=tickets.decision_id)


async def _show_decision(stage: Stage, screen: Screen, decision_id: str, show: str) -> None:
    screen.scene("", "One decision, as `befit audit show` prints it")
    screen.gap()
    record = await stage.platform.record(DEFAULT_TENANT, decision_id)
    screen.block(decision_report(record))
    verified = msgspec.convert(await stage.perform("audit.verify", {}), _Verified)
    screen.gap()
    whole = "verifies" if verified.ok else "DOES NOT VERIFY"
    screen.say(
        f"The ledger {whole}: {verified.events} events of {verified.decisions} decisions, signed.",
        style="bold",
    )
    lead = "Show any of them" if stage.plan.keep else "Show any of them, in a play kept in DIR"
    screen.say(f"{lead}:")
    screen.say(f"  {show}")


def _command(stage: Stage, decision_id: str) -> str:
    folder = shlex.quote(str(stage.plan.keep)) if stage.plan.keep else "DIR"
    return f"befit --workspace {folder} audit show {decision_id}"


def _cells(row: RowDocument) -> tuple[str, ...]:
    quality, interval = "-", ""
    if row.quality is not None and row.interval is not None:
        low, high = row.interval
        quality, interval = f"{row.quality:.1%}", f"{low:.1%}-{high:.1%}"
    return (
        f"{row.name}\n{', '.join(row.models)}",
        f"{quality}\n{interval}",
        str(row.wrong),
        str(row.to_person),
        "-" if row.p95_ms is None else f"{row.p95_ms:.0f}",
        money(row.cost_usd_per_million).removesuffix(" USD"),
        str(row.crossed_boundary),
    )
