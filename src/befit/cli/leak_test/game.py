"""`Game`: one world on one stage, played for as many checks as are wanted."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from befit.cli.leak_test.acts import ACTS, Act, Revoking
from befit.cli.leak_test.changes import Changes
from befit.cli.leak_test.chronicle import Chronicle
from befit.cli.leak_test.scene import Scene
from befit.cli.leak_test.stage import Stage
from befit.cli.leak_test.surfaces import Seen
from befit.cli.leak_test.tally import Tally
from befit.cli.leak_test.world import World, random_canaries, random_members, random_rules

_LANES = 8
_CHECKS_A_CHANGE = 60
_WAYS_WEIGHTS = (0.6, 0.25, 0.15)


@dataclass(frozen=True, kw_only=True, slots=True)
class Game:
    """Several lanes of acts at the same time, and one that takes rights away meanwhile.

    Attributes:
        lanes: each with its own thread of chance, the first for revocations.
    """

    chronicle: Chronicle
    changes: Changes
    lanes: tuple[Scene, ...]

    @classmethod
    async def set_up(cls, stage: Stage, chance: random.Random) -> Game:
        """Draw a world and put it in place: people, groups, rules and documents."""
        readers = await stage.settle_people()
        world = World(
            readers=readers,
            members=random_members(chance, stage.tenants),
            rules=random_rules(chance, readers),
            canaries=random_canaries(chance, stage.tenants, readers),
        )
        chronicle = Chronicle(world)
        changes = Changes(stage, chronicle)
        await changes.plant()
        first = Scene(stage=stage, chronicle=chronicle, chance=random.Random(chance.random()))
        return cls(
            chronicle=chronicle,
            changes=changes,
            lanes=(first, *(first.beside(random.Random(chance.random())) for _ in range(_LANES))),
        )

    async def play(
        self, checks: int, tell: Callable[[int], None], *, acts: Sequence[tuple[Act, int]] = ACTS
    ) -> Tally:
        """Play until at least that many checks were made.

        Args:
            checks: how many.
            tell: is told how many there are so far.
            acts: which, and how often each beside the others.
        """
        tally = Tally(self.chronicle)
        revoking = Revoking(self.changes, tally.revocations)

        def judge(seen: Sequence[Seen]) -> None:
            for each in seen:
                tally.judge(each)
            tell(tally.checks)

        async def act_on(scene: Scene) -> None:
            which, weights = zip(*acts, strict=True)
            while tally.checks < checks:
                act: Act = scene.chance.choices(which, weights)[0]
                judge(await act(scene))
                await asyncio.sleep(0)  # an act may find nothing to do

        async def revoke_on(scene: Scene) -> None:
            due = 0
            while tally.checks < checks:
                if tally.checks < due:
                    await asyncio.sleep(0.01)  # the other lanes go on
                    continue
                due = tally.checks + _CHECKS_A_CHANGE
                ways = (revoking.search, revoking.converse, revoking.wait)
                act: Act = scene.chance.choices(ways, _WAYS_WEIGHTS)[0]
                judge(await act(scene))

        revoked, *others = self.lanes
        async with asyncio.TaskGroup() as playing:
            playing.create_task(revoke_on(revoked))
            for scene in others:
                playing.create_task(act_on(scene))
        return tally
