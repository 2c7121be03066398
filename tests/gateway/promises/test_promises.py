"""Promises 1, 2, 5, 6 and 8 through the real gateway, in worlds that chance has drawn.

Each example writes a workspace, serves it on a real socket before counting upstreams, asks
over every endpoint, stops, and then judges by four accounts that must agree: what the
clients heard, what the upstreams saw, what the ledger's files hold, and what DESIGN says.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings

from befit.audit import verify
from befit.catalog import Workspace
from tests.embedder import RunningEmbedder
from tests.gateway.promises.account import Account
from tests.gateway.promises.asking import Ask, Scenario, scenarios
from tests.gateway.promises.named import every_limit, under_rule
from tests.gateway.promises.network import addresses_spoken_to
from tests.gateway.promises.promises import Evidence, check_every_promise
from tests.gateway.promises.rules import RULES, Rule
from tests.gateway.promises.town import Town, town
from tests.gateway.promises.wire import Heard
from tests.gateway.promises.world import worlds, worlds_with_papers

_QUIET_S = 20.0
_PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
"""Without shrinking: each example serves a workspace, and is small enough to read as it is."""

_SCENARIOS = scenarios(worlds())


@settings(
    max_examples=20, derandomize=True, phases=_PHASES, suppress_health_check=list(HealthCheck)
)
@given(_SCENARIOS)
def test_the_promises_hold_in_any_world(scenario: Scenario) -> None:
    _note(scenario)
    _judge(scenario)


@pytest.mark.heavy
@pytest.mark.timeout(600)
@settings(max_examples=200, phases=_PHASES, suppress_health_check=list(HealthCheck))
@given(_SCENARIOS)
def test_the_promises_hold_in_many_worlds(scenario: Scenario) -> None:
    _note(scenario)
    _judge(scenario)


_WITH_PAPERS = scenarios(worlds_with_papers())


@settings(
    max_examples=10, derandomize=True, phases=_PHASES, suppress_health_check=list(HealthCheck)
)
@given(_WITH_PAPERS)
def test_the_promises_hold_in_any_world_with_documents(
    embedder: RunningEmbedder, scenario: Scenario
) -> None:
    _note(scenario)
    _judge(scenario, embedder)


@pytest.mark.heavy
@pytest.mark.timeout(900)
@settings(max_examples=60, phases=_PHASES, suppress_health_check=list(HealthCheck))
@given(_WITH_PAPERS)
def test_the_promises_hold_in_many_worlds_with_documents(
    embedder: RunningEmbedder, scenario: Scenario
) -> None:
    _note(scenario)
    _judge(scenario, embedder)


def test_every_limit_holds_alone() -> None:
    _judge(every_limit())


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_company_s_own_rule_holds(rule: Rule) -> None:
    _judge(under_rule(rule))


def _note(scenario: Scenario) -> None:
    note(f"world: {scenario.world}")
    for ask in scenario.asks:
        note(f"ask: {ask}")


def _judge(scenario: Scenario, embedder: RunningEmbedder | None = None) -> None:
    check_every_promise(_evidence_of(scenario, embedder))


def _evidence_of(scenario: Scenario, embedder: RunningEmbedder | None) -> Evidence:
    """Play it; once more where the hour, which rules may depend on, has changed meanwhile."""
    hour = time.gmtime().tm_hour
    with tempfile.TemporaryDirectory(prefix="befit-promises-") as folder:
        evidence = asyncio.run(_played(scenario, Path(folder), embedder))
    return evidence if evidence.hour == hour else _evidence_of(scenario, embedder)


async def _played(scenario: Scenario, folder: Path, embedder: RunningEmbedder | None) -> Evidence:
    with addresses_spoken_to() as addresses:
        async with town(scenario.world, folder, embedder=embedder) as found:
            heard = await _heard(scenario, found)
            await _until_quiet(found)
    befit = Workspace.at(folder).befit_dir
    return Evidence(
        scenario=scenario,
        heard=heard,
        visits={name: upstream.visits for name, upstream in found.upstreams.items()},
        account=Account.read(befit),
        report=verify(befit),
        key_ids=found.key_ids,
        addresses=tuple(addresses),
        may_speak_to=frozenset(
            {found.address, *(("127.0.0.1", each.port) for each in found.upstreams.values())}
        ),
        hour=time.gmtime().tm_hour,
    )


async def _heard(scenario: Scenario, found: Town) -> tuple[Heard, ...]:
    def asked(ask: Ask) -> asyncio.Task[Heard]:
        return asyncio.create_task(ask.over_http(found.address, found.keys[ask.key]))

    if scenario.at_once:
        return tuple(await asyncio.gather(*map(asked, scenario.asks)))
    return tuple([await asked(ask) for ask in scenario.asks])


async def _until_quiet(found: Town) -> None:
    """Wait until no decision is open: who left is still being accounted for."""
    async with asyncio.timeout(_QUIET_S):
        while True:
            listed = await found.operate("decisions.list", {"limit": 500})
            if all(each["status"] != "open" for each in listed["decisions"]):
                return
            await asyncio.sleep(0.02)
