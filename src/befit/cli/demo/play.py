"""`play_demo`: the scenes in their order."""

from __future__ import annotations

import time

from rich.console import Console

from befit.cli.demo.company import retire_stand_ins
from befit.cli.demo.documents import DemoDocument
from befit.cli.demo.peers import engaged_peers
from befit.cli.demo.scenes import (
    play_before,
    play_boundary,
    play_card,
    play_documents,
    play_failure,
    play_planning,
    play_tickets,
)
from befit.cli.demo.screen import Screen
from befit.cli.demo.stage import DemoPlan, opened_stage
from befit.cli.demo.summary import show_summary


async def play_demo(plan: DemoPlan, console: Console) -> DemoDocument:
    """Play all scenes on a workspace of their own and return every figure shown.

    Args:
        plan: on how many tickets, beside which large model, where it is kept.
        console: where the play is printed.

    Raises:
        WeightsMissing: naming the `befit pull` that brings them.
        Conflict: the folder to keep is not empty.
    """
    started = time.monotonic()
    screen = Screen(console)
    screen.title(
        "Befit: the right model on each task, with a receipt for every decision",
        "Brambleloft Weather Kites and all its mail are fictional. The models, the measurements "
        "and the ledger are real: nothing below was written beforehand.",
    )
    async with opened_stage(plan) as stage:
        before = await play_before(stage, screen)
        tickets, rows = await play_tickets(stage, screen)
        planning = await play_planning(stage, screen)
        async with engaged_peers(stage) as peers:
            boundary = await play_boundary(stage, screen, peers)
            card = await play_card(stage, screen, peers)
            documents = await play_documents(stage, screen)
            failure = await play_failure(stage, screen, peers)
            retire_stand_ins(stage.workspace)
        summary = await show_summary(stage, screen, rows)
        document = DemoDocument(
            scenes=(before, tickets, planning, boundary, card, documents, failure),
            summary=summary,
            decisions=tuple(stage.decisions),
        )
    _tell_end(screen, plan, time.monotonic() - started)
    return document


def _tell_end(screen: Screen, plan: DemoPlan, seconds: float) -> None:
    screen.gap()
    if plan.keep is not None:
        screen.say(
            f"Played in {seconds:.0f} s. The workspace is {plan.keep}: befit --workspace "
            f"{plan.keep} serve"
        )
    else:
        screen.say(
            f"Played in {seconds:.0f} s. The workspace is gone; befit demo --keep DIR leaves it to "
            "you. Your own: befit init DIR"
        )
