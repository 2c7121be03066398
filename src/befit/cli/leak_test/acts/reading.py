"""Acts of reading what was recorded: one's own decisions, those of others, and what is kept of
them; and what nobody in particular sees, such as metrics and logs."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from befit.cli.leak_test.scene import Scene
from befit.cli.leak_test.surfaces import Seen, Surface
from befit.cli.leak_test.wire import send
from befit.cli.leak_test.world import Reader

_RATINGS = ("useful", "wrong", "outdated")
_LISTS = (
    (Surface.DECISIONS, "/v1/decisions?limit=50"),
    (Surface.APPROVALS, "/v1/approvals"),
    (Surface.EVENTS, "/v1/events"),
    (Surface.USAGE, "/v1/usage?by=key"),
    (Surface.DOCUMENTS, "/v1/knowledge/collections"),
)


async def others_decision(scene: Scene) -> Sequence[Seen]:
    """A decision and a run of somebody else's, and an opinion on it.

    To who may audit, an account names documents and never holds their text.
    """
    found = _of_another(scene)
    if found is None:
        return ()
    decision_id, reader = found
    run_id = "run_" + decision_id.removeprefix("dec_")
    opinion = msgspec.json.encode({"rating": scene.chance.choice(_RATINGS)})
    asked = (
        (Surface.DECISIONS, "GET", f"/v1/decisions/{decision_id}", b""),
        (Surface.RUNS, "GET", f"/v1/runs/{run_id}", b""),
        (Surface.FEEDBACK, "POST", f"/v1/decisions/{decision_id}/feedback", opinion),
    )
    seen: list[Seen] = []
    for surface, method, path, body in asked:
        since = scene.chronicle.settled
        reply = await scene.stage.http(reader, method, path, body)
        seen.append(_account(scene, surface, reader, reply.body, since))
    return seen


async def lists(scene: Scene) -> Sequence[Seen]:
    """What is listed to somebody: decisions, approvals, events, usage.

    Who reviews an answer sees it with what it cites, since that is what they decide on.
    """
    surface, path = scene.chance.choice(_LISTS)
    reviews = surface is Surface.APPROVALS
    readers = [each for each in scene.chronicle.now.readers if not (reviews and each.is_admin)]
    reader = scene.chance.choice(readers)
    since = scene.chronicle.settled
    reply = await scene.stage.http(reader, "GET", path)
    return (_account(scene, surface, reader, reply.body, since),)


async def house(scene: Scene) -> Sequence[Seen]:
    """Metrics need no key, and logs are read by whoever keeps the machine: nothing of any
    document is in them."""
    metrics = await send(scene.stage.address, "GET", "/metrics")
    logs = scene.stage.new_logs()
    return (
        _nobodys(scene, Surface.METRICS, metrics.body),
        _nobodys(scene, Surface.LOGS, logs),
    )


def _of_another(scene: Scene) -> tuple[str, Reader] | None:
    """A decision, and somebody who did not ask it."""
    if not scene.decisions:
        return None
    decision_id = scene.chance.choice(list(scene.decisions))
    asker = scene.decisions[decision_id]
    others = [
        each
        for each in scene.chronicle.now.readers
        if (each.tenant, each.name) != (asker.tenant, asker.name)
    ]
    return decision_id, scene.chance.choice(others)


def _account(scene: Scene, surface: Surface, reader: Reader, content: bytes, since: int) -> Seen:
    return Seen(
        surface=surface,
        reader=reader,
        content=content.decode(errors="replace").lower(),
        since=since,
        until=scene.chronicle.latest,
        is_account=reader.is_admin,
    )


def _nobodys(scene: Scene, surface: Surface, content: bytes) -> Seen:
    text, now = content.decode(errors="replace").lower(), scene.chronicle.latest
    return Seen(surface=surface, reader=None, content=text, since=now, until=now)
