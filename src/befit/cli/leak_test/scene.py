"""`Scene`: what an act is played with; `Asking`: one reader with one question."""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import msgspec

from befit.cli.leak_test.adversary import Question, plain_question, tricky_question
from befit.cli.leak_test.canary import Canary
from befit.cli.leak_test.chronicle import Chronicle
from befit.cli.leak_test.oracle import may_read
from befit.cli.leak_test.scratch import WRITING
from befit.cli.leak_test.stage import Stage
from befit.cli.leak_test.surfaces import Seen, Surface
from befit.cli.leak_test.world import Reader, World
from befit.errors import BefitError
from befit.identity import Principal, local_administrator

_MOST_KEPT = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Asking:
    """One reader with one question.

    Attributes:
        chronicle: of the worlds that it is asked in.
        since: the world that was in force when it began.
        expected: marks of which one is to be found; empty expects nothing.
    """

    chronicle: Chronicle
    reader: Reader
    canary: Canary
    question: Question
    since: int
    expected: frozenset[str] = frozenset()

    def saw(self, surface: Surface, content: bytes, *, sent: str = "") -> Seen:
        """What was seen of it, just now."""
        return Seen(
            surface=surface,
            reader=self.reader,
            content=content.decode(errors="replace").lower(),
            sent=f"{self.question.sent} {sent}",
            since=self.since,
            until=self.chronicle.latest,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Scene:
    """The stage, the worlds so far, and one thread of chance.

    Attributes:
        decisions: ids of decisions by who asked them, for others to try.
    """

    stage: Stage
    chronicle: Chronicle
    chance: random.Random
    decisions: dict[str, Reader] = field(default_factory=dict[str, Reader])

    def beside(self, chance: random.Random) -> Scene:
        """The same scene with another thread of chance."""
        return replace(self, chance=chance)

    def drawn(self, *, is_asserted: bool = False) -> Asking:
        """Somebody, and a question about something that they may or may not read.

        Args:
            is_asserted: the reader comes over the command line, as `--as` asserts them.
        """
        world, since = self.chronicle.now, self.chronicle.settled
        reader = self.chance.choice(world.readers)
        return self.about(reader.asserted if is_asserted else reader, self._target(reader), since)

    def about(self, reader: Reader, canary: Canary, since: int) -> Asking:
        """A reader's question about one document."""
        world = self.chronicle.now
        is_allowed = may_read(world, reader, canary)
        draw = plain_question if self.chance.random() < (0.7 if is_allowed else 0.2) else None
        question = (draw or tricky_question)(self.chance, canary)
        return Asking(
            chronicle=self.chronicle,
            reader=reader,
            canary=canary,
            question=question,
            since=since,
            expected=self._expected(world, reader, canary) if question.is_plain else frozenset(),
        )

    def principal(self, reader: Reader) -> Principal:
        """Who the command line asserts, in the groups of the newest world."""
        return local_administrator(acting_as=self.asserted(reader), tenant=reader.tenant)

    def asserted(self, reader: Reader) -> str:
        """A reader as `--as` takes them, in the groups of the newest world."""
        groups = ",".join(sorted(self.chronicle.now.groups_of(reader)))
        return f"{reader.name}:{groups}" if groups else reader.name

    def keeper(self, tenant: str) -> Principal:
        """The local administrator of a tenant."""
        return local_administrator(tenant=tenant)

    async def command(
        self, operation: str, params: dict[str, object], principal: Principal
    ) -> bytes:
        """What a command prints, an error's line included."""
        try:
            return await self.stage.command(operation, params, principal)
        except BefitError as error:
            return msgspec.json.encode({"error": str(error), "decision_id": error.decision_id})

    @asynccontextmanager
    async def prompts(self, workflow: str) -> AsyncGenerator[list[bytes]]:
        """What a model is sent within the block, where the workflow has one write."""
        if workflow != WRITING:
            yield []  # quotes are chosen by the embedder: nobody need wait
            return
        async with self.stage.writer.watched() as prompts:
            yield prompts

    def keep_decision(self, decision_id: str | None, reader: Reader) -> None:
        """Remember whose a decision is; the oldest are forgotten."""
        if decision_id is not None:
            self.decisions[decision_id] = reader
        if len(self.decisions) > _MOST_KEPT:
            del self.decisions[next(iter(self.decisions))]

    def _target(self, reader: Reader) -> Canary:
        """Mostly of the reader's own tenant; half of them such as they may read."""
        world = self.chronicle.now
        other = next(tenant for tenant in self.stage.tenants if tenant != reader.tenant)
        living = world.living(other if self.chance.random() < 0.15 else reader.tenant)
        wants_allowed = self.chance.random() < 0.4
        fitting = [each for each in living if may_read(world, reader, each) is wants_allowed]
        return self.chance.choice(fitting or living)

    def _expected(self, world: World, reader: Reader, canary: Canary) -> frozenset[str]:
        """The secrets of it and its twins that the reader may have, now and when it began."""
        return frozenset(
            each.secret
            for each in world.living(reader.tenant)
            if each.subject == canary.subject
            and each.collection == canary.collection
            and may_read(world, reader, each)
        )
