"""Before: one ticket on the only model there is, which nothing has proven."""

from __future__ import annotations

from befit.cli.demo.company import GENERAL, TICKETS
from befit.cli.demo.documents import SceneDocument, request_document
from befit.cli.demo.screen import Screen
from befit.cli.demo.stage import Question, Stage


async def play_before(stage: Stage, screen: Screen) -> SceneDocument:
    """Ask the general model, and see its answer stopped by the workflow's check."""
    title = "A ticket, before anything is trained"
    screen.scene(0, title)
    screen.say(
        f"The workflow `{TICKETS}` sorts mail into {len(stage.material.labels)} kinds, asks for a "
        f"confidence of 0.8 and ends at a person. All it has is {GENERAL}, a small general model."
    )
    ticket = stage.material.held_out[0]
    asked = await stage.ask(Question(text=ticket.text, workflow=TICKETS))
    screen.request(f"ticket {ticket.id}", ticket.text, asked)
    return SceneDocument(
        scene="before",
        title=title,
        requests=(request_document(ticket.id, asked.account, asked.output),),
    )
