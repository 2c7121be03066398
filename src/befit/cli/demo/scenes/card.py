"""Scene 4: a payment card typed into a workflow whose texts are public."""

from __future__ import annotations

from befit.cli.demo.company import NOTES, OUTSIDE
from befit.cli.demo.documents import CardDocument, request_document
from befit.cli.demo.peers import Peers
from befit.cli.demo.scenes.boundary import ask_note
from befit.cli.demo.screen import Screen
from befit.cli.demo.stage import Stage


async def play_card(stage: Stage, screen: Screen, peers: Peers) -> CardDocument:
    """Ask twice with one public text, the second time with a card number in it."""
    title = "A payment card in a public text"
    screen.scene(4, title)
    screen.say(
        f"The same text twice through `{NOTES}`, declared public by its sender both times. The "
        "second ends with a payment card (a test number), which the text itself tells: its class "
        "rises, and the rule that strikes a model out stands beside its reason."
    )
    plain, with_card = stage.material.reviews
    first = await ask_note(stage, plain)
    screen.request(plain.id, plain.about, first)
    before = len(peers.outside.requests)
    second = await ask_note(stage, with_card)
    screen.request(f"{with_card.id}, with a card", with_card.about, second)
    after = len(peers.outside.requests)
    screen.gap()
    screen.say(
        f"Requests that {OUTSIDE} got for the text with the card: {after - before}.", style="bold"
    )
    return CardDocument(
        scene="card",
        title=title,
        requests=(
            request_document(plain.id, first.account, first.output),
            request_document(with_card.id, second.account, second.output),
        ),
        peer=OUTSIDE,
        requests_with_card=after - before,
    )
