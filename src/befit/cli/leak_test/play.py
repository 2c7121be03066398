"""`run_leak_test`: worlds drawn by chance, each played on a stage of its own.

document = await run_leak_test(LeakTestPlan(checks=1000, seed=7))
assert document.passed
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass

from befit.catalog import Workspace
from befit.cli.leak_test.game import Game
from befit.cli.leak_test.report import LeakTestDocument, leak_test_document
from befit.cli.leak_test.stage import opened_stage
from befit.cli.leak_test.tally import Tally
from befit.vocabulary import Progress, silent

_CHECKS_A_WORLD = 5_000
_STAGE = "checks"


@dataclass(frozen=True, kw_only=True, slots=True)
class LeakTestPlan:
    """What is played.

    Attributes:
        workspace: whose rules are tested; None: those that a new workspace has.
        seed: the same draws the same worlds and questions.
    """

    checks: int = 1_000
    seed: int = 0
    workspace: Workspace | None = None


async def run_leak_test(plan: LeakTestPlan, progress: Progress = silent) -> LeakTestDocument:
    """Play worlds until enough was checked.

    Raises:
        WeightsMissing: naming the `befit pull` that brings them.
        WorkspaceError: a file of the workspace is wrong.
    """
    started = time.monotonic()
    tallies: list[Tally] = []
    done = 0

    def tell(checks: int) -> None:
        progress(_STAGE, min(done + checks, plan.checks), plan.checks)

    tell(0)
    while done < plan.checks:
        chance = random.Random(f"{plan.seed}/{len(tallies)}")
        async with opened_stage(plan.workspace, chance) as stage:
            game = await Game.set_up(stage, chance)
            tallies.append(await game.play(min(_CHECKS_A_WORLD, plan.checks - done), tell))
        done += tallies[-1].checks
    seconds = time.monotonic() - started
    return leak_test_document(tallies, seed=plan.seed, seconds=seconds)
