"""Acts that take rights away while the reader asks on, and measure how long that takes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import msgspec

from befit.cli.leak_test.acts.asking import Completion, chatted
from befit.cli.leak_test.acts.searching import SEARCH_PATH, search_params
from befit.cli.leak_test.adversary import Question, plain_question
from befit.cli.leak_test.canary import Canary
from befit.cli.leak_test.changes import Change, Changes
from befit.cli.leak_test.oracle import may_read
from befit.cli.leak_test.scene import Asking, Scene
from befit.cli.leak_test.scratch import QUOTING, REVIEWED, WRITING
from befit.cli.leak_test.surfaces import Seen, Surface
from befit.cli.leak_test.tally import Revocations
from befit.cli.leak_test.world import Reader, World
from befit.vocabulary import new_id

_MOST_TRIES = 20
_GIVES_BACK = 0.7
_AGAIN = "And what was that code again, and where does the thing stand?"


class Revoking:
    """Plays them, one after another.

    Attributes:
        revocations: how soon what was taken away was gone.
    """

    def __init__(self, changes: Changes, revocations: Revocations) -> None:
        self._changes = changes
        self.revocations = revocations

    async def search(self, scene: Scene) -> Sequence[Seen]:
        """Somebody searches and searches while their right is taken away."""
        drawn = _readable(scene)
        if drawn is None:
            return ()
        reader, canary = drawn
        before, change = scene.chronicle.now, self._changes.taking(scene.chance, reader, canary)
        seen = [await _searched(scene, reader, canary, is_expected=True)]
        async with _searching_on(scene, reader, canary) as meanwhile:
            await self._changes.apply(change)
            began = time.perf_counter()
            seen += await self._until_gone(scene, reader, canary, began)
        seen += meanwhile
        seen += await self._given_back(scene, change, before, (reader, canary))
        return seen

    async def converse(self, scene: Scene) -> Sequence[Seen]:
        """Somebody is answered, loses the right, and asks on in the same conversation."""
        drawn = _readable(scene)
        if drawn is None:
            return ()
        reader, canary = drawn
        before, change = scene.chronicle.now, self._changes.taking(scene.chance, reader, canary)
        first = _asking(scene, reader, canary)
        workflow, conversation = scene.chance.choice((QUOTING, WRITING)), new_id("talk")
        async with scene.prompts(workflow):
            reply = await chatted(scene, first, workflow, conversation=conversation)
        seen = [first.saw(Surface.CONVERSATION, reply.body)]
        await self._changes.apply(change)
        question = Question(text=_AGAIN, collection=canary.collection)
        second = replace(first, question=question, since=scene.chronicle.settled)
        async with scene.prompts(workflow) as prompts:
            reply = await chatted(scene, second, workflow, conversation=conversation)
        earlier = first.question.sent
        seen.append(second.saw(Surface.CONVERSATION, reply.body, sent=earlier))
        seen += [second.saw(Surface.PROMPT, prompt, sent=earlier) for prompt in prompts]
        seen += await self._given_back(scene, change, before, (reader, canary))
        return seen

    async def wait(self, scene: Scene) -> Sequence[Seen]:
        """An answer waits for a person; by the time that it is approved, its asker has lost the
        right to what it cites."""
        drawn = _readable(scene)
        if drawn is None:
            return ()
        reader, canary = drawn
        before, change = scene.chronicle.now, self._changes.taking(scene.chance, reader, canary)
        asking = _asking(scene, reader, canary)
        reply = await chatted(scene, asking, REVIEWED)
        seen = [asking.saw(Surface.CHAT, reply.body)]
        waiting = msgspec.json.decode(reply.body, type=Completion).befit
        await self._changes.apply(change)
        if waiting.approval_id is not None:
            params: dict[str, object] = {"id": waiting.approval_id}
            await scene.command("approvals.approve", params, scene.keeper(reader.tenant))
            later = replace(asking, since=scene.chronicle.settled)
            run = await scene.stage.http(reader, "GET", f"/v1/runs/{waiting.run_id}")
            seen.append(later.saw(Surface.RUNS, run.body))
        seen += await self._given_back(scene, change, before, (reader, canary))
        return seen

    async def _until_gone(
        self, scene: Scene, reader: Reader, canary: Canary, began: float
    ) -> list[Seen]:
        """Search until the document is not found; each time that it is, is a leak."""
        seen: list[Seen] = []
        for _ in range(_MOST_TRIES):
            seen.append(await _searched(scene, reader, canary))
            if canary.secret not in seen[-1].content:
                self.revocations.times_ms.append(1000 * (time.perf_counter() - began))
                break
            self.revocations.late += 1
        return seen

    async def _given_back(
        self, scene: Scene, change: Change, before: World, drawn: tuple[Reader, Canary]
    ) -> list[Seen]:
        """Mostly undo it, so that there is something to take away next time."""
        undoing = self._changes.giving_back(change, before)
        if undoing is None or scene.chance.random() > _GIVES_BACK:
            return []
        await self._changes.apply(undoing)
        return [await _searched(scene, *drawn, is_expected=True)]


@asynccontextmanager
async def _searching_on(scene: Scene, reader: Reader, canary: Canary) -> AsyncGenerator[list[Seen]]:
    """Search over and over beside what happens in the block; what was seen is in the list."""
    seen: list[Seen] = []
    is_over = asyncio.Event()

    async def search_on() -> None:
        while not is_over.is_set():
            seen.append(await _searched(scene, reader, canary))
            await asyncio.sleep(0.01)

    searching = asyncio.create_task(search_on())
    try:
        yield seen
    finally:
        is_over.set()
        await searching


async def _searched(
    scene: Scene, reader: Reader, canary: Canary, *, is_expected: bool = False
) -> Seen:
    asking = _asking(scene, reader, canary)
    body = msgspec.json.encode(search_params(asking.question))
    reply = await scene.stage.http(reader, "POST", SEARCH_PATH, body)
    seen = asking.saw(Surface.SEARCH_HTTP, reply.body)
    return replace(seen, expected=frozenset({canary.secret})) if is_expected else seen


def _asking(scene: Scene, reader: Reader, canary: Canary) -> Asking:
    return Asking(
        chronicle=scene.chronicle,
        reader=reader,
        canary=canary,
        question=plain_question(scene.chance, canary),
        since=scene.chronicle.settled,
    )


def _readable(scene: Scene) -> tuple[Reader, Canary] | None:
    """Somebody, and a document that they may read."""
    world = scene.chronicle.now
    reader = scene.chance.choice(world.readers)
    found = [each for each in world.living(reader.tenant) if may_read(world, reader, each)]
    return (reader, scene.chance.choice(found)) if found else None
