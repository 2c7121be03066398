"""Scene 3: restricted text, with a cheaper external model at hand."""

from __future__ import annotations

from befit.cli.demo.company import NOTES, OUTSIDE
from befit.cli.demo.documents import BoundaryDocument, RequestDocument, request_document
from befit.cli.demo.material import Paper
from befit.cli.demo.peers import Peers
from befit.cli.demo.screen import Screen
from befit.cli.demo.stage import Asked, Question, Stage

_NOTE_TOKENS = 200


async def play_boundary(stage: Stage, screen: Screen, peers: Peers) -> BoundaryDocument:
    """Ask with restricted texts, then with a public one, and read the peer's own counter."""
    title = "Restricted text, and a cheaper model outside"
    screen.scene(3, title)
    screen.say(
        f"The workflow `{NOTES}` prefers {OUTSIDE}, zone external, which costs less than the "
        "company's own machines. It and they are loopback stand-ins with invented prices and "
        "scripted answers: they show where a text goes, not how well it is answered."
    )
    shown: list[RequestDocument] = []
    for number, note in enumerate(stage.material.notes):
        asked = await ask_note(stage, note)
        if number == 0:
            screen.request(f"note {note.id}", note.about, asked)
        else:
            screen.brief(f"note {note.id}", asked, without=OUTSIDE)
        shown.append(request_document(note.id, asked.account, asked.output))
    after_restricted = (len(peers.outside.requests), peers.outside.connections)
    screen.gap()
    _tell(screen, peers, f"after {len(shown)} restricted texts")
    public = stage.material.public
    asked = await ask_note(stage, public)
    screen.request(public.id, public.about, asked)
    screen.gap()
    _tell(screen, peers, "after one public text")
    return BoundaryDocument(
        scene="boundary",
        title=title,
        requests=(*shown, request_document(public.id, asked.account, asked.output)),
        peer=OUTSIDE,
        restricted_requests=len(shown),
        requests_after_restricted=after_restricted[0],
        connections_after_restricted=after_restricted[1],
        requests_after_public=len(peers.outside.requests),
        connections_after_public=peers.outside.connections,
    )


async def ask_note(stage: Stage, note: Paper) -> Asked:
    """Ask for short work on a text under the class that its writer declares."""
    return await stage.ask(
        Question(
            text=note.text,
            workflow=NOTES,
            data_class=note.data_class,
            most_tokens=_NOTE_TOKENS,
        )
    )


def _tell(screen: Screen, peers: Peers, when: str) -> None:
    connections, requests = peers.outside.connections, len(peers.outside.requests)
    screen.say(
        f"Counted by {OUTSIDE} {when}: connections {connections}, requests {requests}.",
        style="bold",
    )
