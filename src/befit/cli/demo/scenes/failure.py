"""Scene 6: the preferred model is killed, and the work goes on."""

from __future__ import annotations

import hashlib
import os
import signal

from befit.cli.demo.company import NOTES, PREFERRED, TICKETS
from befit.cli.demo.documents import FailureDocument, RequestDocument, request_document
from befit.cli.demo.peers import Peers
from befit.cli.demo.scenes.boundary import ask_note
from befit.cli.demo.screen import Screen
from befit.cli.demo.stage import Question, Stage

_UNTIL_LEFT_ALONE = 3
"""As many failures in a row as make routing leave a model alone."""

_AFTER_KILL = 2


async def play_failure(stage: Stage, screen: Screen, peers: Peers) -> FailureDocument:
    """Stop the preferred server, then kill the model process; no file changes."""
    title = "The preferred model is killed"
    screen.scene(6, title)
    before = _hashes(stage)
    await peers.preferred.stop()
    screen.say(f"{PREFERRED}, which answered the notes, has been stopped. The next note:")
    shown = await _ask_notes(stage, screen)
    shown += await _kill_model_process(stage, screen)
    after = _hashes(stage)
    width = max(len(name) for name in after)
    screen.gap()
    for name, sha256 in after.items():
        same = "unchanged" if before[name] == sha256 else f"was {before[name][:16]}.."
        screen.say(f"{name:<{width}}  sha256 {sha256[:16]}..  {same}", style="bold")
    return FailureDocument(
        scene="failure",
        title=title,
        requests=tuple(shown),
        killed=PREFERRED,
        before_sha256=before,
        after_sha256=after,
    )


async def _ask_notes(stage: Stage, screen: Screen) -> list[RequestDocument]:
    """The first falls back; after some failures the dead model is not even tried."""
    notes = stage.material.notes
    shown: list[RequestDocument] = []
    for number in range(_UNTIL_LEFT_ALONE + 1):
        note = notes[number % len(notes)]
        asked = await ask_note(stage, note)
        shown.append(request_document(note.id, asked.account, asked.output))
        if number == 0:
            screen.request(f"note {note.id}", note.about, asked)
        elif number == _UNTIL_LEFT_ALONE:
            screen.gap()
            screen.say(f"After {number} failures it is not even tried:")
            screen.brief(f"note {note.id}", asked, without=PREFERRED)
    return shown


async def _kill_model_process(stage: Stage, screen: Screen) -> list[RequestDocument]:
    """Kill the real models of this machine with a ticket on its way, then ask again."""
    pid = stage.models.pid
    if pid is not None:
        os.kill(pid, signal.SIGKILL)
    screen.gap()
    screen.say(
        f"Now kill -9 {pid}, the process of all models on this machine. A ticket that comes at "
        "that moment, and the one after it:"
    )
    shown: list[RequestDocument] = []
    for ticket in stage.material.held_out[:_AFTER_KILL]:
        asked = await stage.ask(Question(text=ticket.text, workflow=TICKETS))
        screen.request(f"ticket {ticket.id}", ticket.text, asked)
        shown.append(request_document(ticket.id, asked.account, asked.output))
    screen.gap()
    again = stage.models.pid
    told = f"was started again by itself, as {again}" if again else "is still being started again"
    screen.say(f"The model process {told}.")
    return shown


def _hashes(stage: Stage) -> dict[str, str]:
    folder = stage.workspace.workflows_dir
    return {
        f"workflows/{name}.yaml": hashlib.sha256((folder / f"{name}.yaml").read_bytes()).hexdigest()
        for name in (NOTES, TICKETS)
    }
