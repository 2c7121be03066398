"""Promises 1, 2, 5 and 6 over random requests, classes, failures and streams.

Each example opens a real platform with one counting HTTP peer a zone and drives random
requests through it; what the peers saw and what the ledger holds must agree.
"""

from __future__ import annotations

import asyncio
import secrets
import tempfile
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from befit.audit import DecisionGrammar
from befit.catalog import Workspace
from befit.errors import BefitError
from befit.identity import local_administrator
from befit.messages import ChatRequest
from befit.orchestrator import Answer, Arrival
from befit.platform import Platform
from befit.testing import Reply, ScriptedUpstream
from befit.vocabulary import DataClass, Zone

_ALLOWED = {
    DataClass.PUBLIC: set(Zone),
    DataClass.INTERNAL: {Zone.DEVICE, Zone.ONPREM, Zone.PRIVATE_CLOUD},
    DataClass.CONFIDENTIAL: {Zone.DEVICE, Zone.ONPREM, Zone.PRIVATE_CLOUD},
    DataClass.RESTRICTED: {Zone.DEVICE, Zone.ONPREM},
}
_BUDGET_USD = Decimal("0.05")
_WORKFLOWS = {
    "free": "instructions: Be brief.\n",
    "labelled": "labels: [red, green]\n",
    "weighty": "impact: high\n",
    "secret": "data_class: confidential\nlabels: [red, green]\n",
    "manned": "labels: [red, green]\nescalation: {models: [device, external, person]}\n",
}
_REPLIES = {
    "good": Reply(text="green"),
    "bad": Reply(text="perhaps", chunks=3),
    "down": Reply(status=503),
    "cut": Reply(text="a b c d", chunks=4, cut_after=2),
}


@dataclass(frozen=True)
class _Request:
    target: str
    data_class: DataClass | None
    stream: bool
    leaves_early: bool


_requests = st.builds(
    _Request,
    target=st.sampled_from(
        [*(f"workflow:{name}" for name in _WORKFLOWS), *Zone, "nobody", "workflow:nowhere"]
    ),
    data_class=st.none() | st.sampled_from(DataClass),
    stream=st.booleans(),
    leaves_early=st.booleans(),
)
_worlds = st.fixed_dictionaries({zone: st.sampled_from(sorted(_REPLIES)) for zone in Zone})


@settings(max_examples=20, suppress_health_check=list(HealthCheck))
@given(st.lists(_requests, min_size=1, max_size=8), _worlds)
def test_calls_stay_inside_their_permits_and_every_request_leaves_one_decision(
    requests: list[_Request], world: dict[Zone, str]
):
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_drive(Path(folder), requests, world))


async def _drive(folder: Path, requests: list[_Request], world: dict[Zone, str]) -> None:
    async with AsyncExitStack() as stack:
        peers = {
            zone: await stack.enter_async_context(ScriptedUpstream(_REPLIES[world[zone]]))
            for zone in Zone
        }
        _write_workspace(folder, peers)
        platform = await stack.enter_async_context(
            Platform.opened(
                Workspace.at(folder),
                boot_key=secrets.token_bytes(32),
                models_socket=folder / "none.sock",
            )
        )
        for request in requests:
            seen = {zone: len(peer.requests) for zone, peer in peers.items()}
            decision_id = await _send(platform, request)
            await platform.orchestrator.drain()
            called = [zone for zone, peer in peers.items() if len(peer.requests) > seen[zone]]
            await _check_account(platform, decision_id, request, called)
        await _check_ledger(platform, len(requests))


async def _send(platform: Platform, request: _Request) -> str:
    body: dict[str, object] = {
        "model": request.target,
        "messages": [{"role": "user", "content": "red or green?"}],
        "stream": request.stream,
    }
    if request.data_class is not None:
        body["befit"] = {"data_class": request.data_class.word}
    arrival = Arrival(
        caller=local_administrator(), request=ChatRequest.from_json(msgspec.json.encode(body))
    )
    try:
        answer = await platform.orchestrator.handle(arrival)
    except BefitError as error:
        assert error.decision_id is not None
        return error.decision_id
    if not isinstance(answer, Answer):
        async for _ in answer.events:
            if request.leaves_early:
                break
        await answer.events.aclose()
    return answer.standing.decision_id


async def _check_account(
    platform: Platform, decision_id: str, request: _Request, called: list[Zone]
) -> None:
    record = await platform.record("default", decision_id)
    declared = request.data_class
    joined = DataClass.INTERNAL if declared is None else declared
    if request.target == "workflow:secret":
        joined = max(declared or DataClass.CONFIDENTIAL, DataClass.CONFIDENTIAL)
    assert set(called) <= _ALLOWED[joined]
    assert set(called) <= {Zone(call.zone) for call in record.calls}
    assert all(call.outcome is not None for call in record.calls)
    assert all(call.cost_usd is None or call.cost_usd <= call.most_usd for call in record.calls)


async def _check_ledger(platform: Platform, requests: int) -> None:
    await platform.projector.caught_up()
    store = platform.stores.decisions
    assert await store.unsettled() == ()
    still_open = await store.open_decisions()
    assert all(decision.is_waiting for decision in still_open)
    reader, grammars = platform.projector, {}
    for decision_id in await _decision_ids(platform):
        grammar = DecisionGrammar()
        for event in await reader.events_of("default", decision_id):
            permit = (event.fields or {}).get("permit_id")
            told = msgspec.json.decode(permit) if permit is not None else None
            assert grammar.follow(event.type, told) is None
        assert grammar.end(is_live=True) is None
        grammars[decision_id] = grammar
    assert len(grammars) == requests


async def _decision_ids(platform: Platform) -> list[str]:
    from befit.metering import DecisionPage

    rows = await platform.stores.usage.decisions(DecisionPage(limit=100))
    counted = Counter(row.decision_id for row in rows)
    assert not counted or max(counted.values()) == 1
    return list(counted)


def _write_workspace(folder: Path, peers: dict[Zone, ScriptedUpstream]) -> None:
    cards = {
        zone.value: {
            "via": "openai",
            "url": peer.url,
            "model": "test-model",
            "zone": zone.value,
            "family": "test",
            "size": "small",
            "context_window": 8192,
            "max_output_tokens": 256,
            "price": {
                "input_usd_per_million": "1",
                "output_usd_per_million": "2",
                "source": "test",
                "as_of": "2026-01-01",
            },
        }
        for zone, peer in peers.items()
    }
    config = {"models": cards, "budgets": {"workflows": {"labelled": {"usd": str(_BUDGET_USD)}}}}
    # JSON is YAML, so no writer is needed.
    (folder / "befit.yaml").write_bytes(msgspec.json.encode(config))
    (folder / "workflows").mkdir()
    for name, text in _WORKFLOWS.items():
        (folder / "workflows" / f"{name}.yaml").write_text(text)
