"""Bulk runs: one decision, every row kept, and money settled at what it came to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from befit.audit import DecisionRecord
from befit.catalog import ModelCard, Workspace
from befit.errors import Forbidden, ModelFailure, PermitDenied
from befit.identity import local_administrator
from befit.messages import BefitOptions, ChatRequest
from befit.metering import most_cost_usd
from befit.orchestrator import BulkArrival, BulkCase, BulkRun, Kind
from befit.platform import Platform
from befit.testing import Reply, ScriptedUpstream
from befit.vocabulary import DEFAULT_TENANT, DataClass, Purpose

CONFIG = """
models:
  near:
    via: openai
    url: {url}
    model: test-model
    zone: device
    size: small
    context_window: 8192
    max_output_tokens: 64
    price:
      {{input_usd_per_million: "1", output_usd_per_million: "2", source: t, as_of: 2026-01-01}}
  far: {{via: openai, url: {url}, model: test-model, zone: external, size: large}}
"""

CASES = tuple(
    BulkCase(id=str(n), request=ChatRequest.from_text(f"text {n}", model="bulk")) for n in range(4)
)


HARMLESS = 'forbid (principal, action == Action::"invoke", resource == Model::"gone");'


@pytest.fixture
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    async with ScriptedUpstream("red") as server:
        yield server


@pytest.fixture
async def platform(tmp_path: Path, upstream: ScriptedUpstream) -> AsyncIterator[Platform]:
    (tmp_path / "befit.yaml").write_text(CONFIG.format(url=upstream.url))
    workspace = Workspace.at(tmp_path)
    socket = tmp_path / "models.sock"
    async with Platform.opened(workspace, boot_key=bytes(32), models_socket=socket) as opened:
        yield opened


async def bulk_on(platform: Platform, data_class: DataClass = DataClass.INTERNAL) -> BulkRun:
    return await platform.orchestrator.bulk(
        BulkArrival(
            principal=local_administrator(),
            kind=Kind.EVALUATE,
            workflow=None,
            content=b"[]",
            befit=BefitOptions(data_class=data_class),
        )
    )


def card(platform: Platform, name: str = "near") -> ModelCard:
    return platform.catalog.current.find_card(name)


async def record_of(platform: Platform, bulk: BulkRun) -> DecisionRecord:
    return await platform.record(DEFAULT_TENANT, bulk.decision_id)


def most_usd(platform: Platform, n: int) -> Decimal:
    known = [most_cost_usd(card(platform), case.request) for case in CASES[:n]]
    return sum((cost for cost in known if cost is not None), Decimal(0))


async def test_many_rows_are_one_decision_with_one_pair_of_events(platform: Platform) -> None:
    async with await bulk_on(platform) as bulk:
        await bulk.permit(card(platform), CASES, Purpose.EVALUATION)
        rows = [await bulk.answer(case, card(platform)) for case in CASES]
    assert [row.output for row in rows] == ["red"] * 4
    record = await record_of(platform, bulk)
    assert (record.status, record.model, len(record.calls)) == ("answered", "near", 1)
    assert record.calls[0].cost_usd == sum(row.cost_usd or 0 for row in rows)
    assert record.calls[0].cost_usd == bulk.cost_usd


async def test_the_rows_are_what_the_settled_event_commits_to(platform: Platform) -> None:
    async with await bulk_on(platform) as bulk:
        await bulk.permit(card(platform), CASES, Purpose.EVALUATION)
        await bulk.answer(CASES[0], card(platform))
    events = await platform.projector.events_of(DEFAULT_TENANT, bulk.decision_id)
    (settled,) = (event for event in events if event.type == "settled" and event.fields)
    told = msgspec.json.decode((settled.fields or {})["rows"], type=dict[str, object])
    rows = await platform.tables.rows(DEFAULT_TENANT, str(told["table"]))
    assert told["n"] == 1
    assert msgspec.json.decode(rows.splitlines()[0])["output"] == "red"


async def test_a_failed_call_is_a_row_and_charged_only_where_it_may_have_cost(
    platform: Platform, upstream: ScriptedUpstream
) -> None:
    upstream.script(Reply(text="no", status=400), Reply(raw=b"not json"))
    async with await bulk_on(platform) as bulk:
        await bulk.permit(card(platform), CASES, Purpose.EVALUATION)
        refused = await bulk.answer(CASES[0], card(platform))
        garbled = await bulk.answer(CASES[1], card(platform))
    assert refused.error is not None
    assert garbled.error is not None
    assert bulk.cost_usd == most_usd(platform, 1)


async def test_a_bulk_that_is_cancelled_is_cut_and_settles_what_was_under_way_in_full(
    platform: Platform, upstream: ScriptedUpstream
) -> None:
    upstream.script(*[Reply(text="late", delay_s=30)] * 2)
    bulk = await bulk_on(platform)

    async def work() -> None:
        async with bulk:
            await bulk.permit(card(platform), CASES, Purpose.EVALUATION)
            await asyncio.gather(*(bulk.answer(case, card(platform)) for case in CASES[:2]))

    task = asyncio.create_task(work())
    while len(upstream.requests) < 2:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await platform.orchestrator.drain()
    record = await record_of(platform, bulk)
    assert record.status == "cut"
    assert record.calls[0].cost_usd == most_usd(platform, 2)


async def test_an_error_within_closes_the_decision_and_carries_its_id(platform: Platform) -> None:
    with pytest.raises(ModelFailure) as caught:
        async with await bulk_on(platform) as bulk:
            await bulk.permit(card(platform), CASES, Purpose.EVALUATION)
            raise ModelFailure("gone")
    assert caught.value.decision_id == bulk.decision_id
    assert (await record_of(platform, bulk)).status == "failed"


async def test_a_model_that_policy_forbids_gets_no_permit_and_stands_among_the_excluded(
    platform: Platform, upstream: ScriptedUpstream
) -> None:
    async with await bulk_on(platform, DataClass.RESTRICTED) as bulk:
        with pytest.raises(Forbidden):
            await bulk.permit(card(platform, "far"), CASES, Purpose.EVALUATION)
        with pytest.raises(PermitDenied):
            await bulk.answer(CASES[0], card(platform, "far"))
    assert upstream.connections == 0
    assert "restricted data" in (await record_of(platform, bulk)).excluded["far"]


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ('forbid (principal, action == Action::"invoke", resource == Model::"near");', "closed"),
        ('forbid (principal, action == Action::"send_raw", resource == Model::"near");', "near"),
    ],
)
async def test_a_permit_of_many_calls_does_not_outlive_the_rules_it_was_given_under(
    platform: Platform, upstream: ScriptedUpstream, rule: str, told: str
) -> None:
    folder = platform.workspace.policies_dir
    folder.mkdir()
    with pytest.raises(Forbidden, match=told):
        async with await bulk_on(platform) as bulk:
            await bulk.permit(card(platform), CASES, Purpose.EVALUATION)
            rows = [await bulk.answer(CASES[0], card(platform))]
            (folder / "own.cedar").write_text('@id("own/harmless") ' + HARMLESS)
            assert (await platform.shelf.reload()).changed
            # Other rules that permit it too.
            rows.append(await bulk.answer(CASES[1], card(platform)))
            (folder / "own.cedar").write_text(f'@id("own/no-near") @reason("closed") {rule}')
            assert (await platform.shelf.reload()).changed
            await bulk.answer(CASES[2], card(platform))
    assert len(upstream.requests) == 2
    record = await record_of(platform, bulk)
    assert record.status == "refused"
    assert record.calls[0].cost_usd == sum(row.cost_usd or 0 for row in rows)


async def test_no_more_calls_are_made_than_were_permitted(platform: Platform) -> None:
    async with await bulk_on(platform) as bulk:
        await bulk.permit(card(platform), CASES[:1], Purpose.EVALUATION)
        first = await bulk.answer(CASES[0], card(platform))
        second = await bulk.answer(CASES[0], card(platform))
    assert first.error is None
    assert (second.error or "").startswith("permit_denied")


async def test_a_row_that_was_not_among_the_permitted_ones_is_not_sent(
    platform: Platform, upstream: ScriptedUpstream
) -> None:
    with pytest.raises(PermitDenied, match="not among"):
        async with await bulk_on(platform) as bulk:
            await bulk.permit(card(platform), CASES[:1], Purpose.EVALUATION)
            await bulk.answer(CASES[1], card(platform))
    assert not upstream.requests


async def test_a_probe_is_one_call_charged_at_the_most_it_can_cost(
    platform: Platform, upstream: ScriptedUpstream
) -> None:
    async with await bulk_on(platform) as bulk:
        await bulk.permit(card(platform), CASES[:1], Purpose.PROBE)
        result = await bulk.probe(CASES[0], card(platform))
    assert result.text == "red"
    assert len(upstream.requests) == 1
    assert bulk.cost_usd == most_usd(platform, 1)
