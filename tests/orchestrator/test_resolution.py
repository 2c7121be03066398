"""A person's decision reaches ledger and run, whoever leaves and whatever fails between."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from befit.approvals import (
    Approval,
    ApprovalKind,
    ApprovalPage,
    ApprovalStatus,
    Proposal,
)
from befit.audit import verify
from befit.errors import BefitError, Conflict
from befit.gateway import catalog_watch, expiry_watch
from befit.gateway.background import Background
from befit.gateway.catalog_watch import CatalogWatch
from befit.gateway.expiry_watch import ExpiryWatch
from befit.identity import local_administrator
from befit.orchestrator import Answer, Choice
from befit.workflows import Run

from .conftest import OpenWorld, World

LOCAL = local_administrator()
APPROVE = Choice(status=ApprovalStatus.APPROVED)


@contextmanager
def slow_disk(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[asyncio.Event]:
    """Every group takes long enough that a caller can leave; the event tells of the first."""
    writer = world.platform.ledger._writer
    loop, begun, write = asyncio.get_running_loop(), asyncio.Event(), writer.write

    def slowly(*args: object) -> object:
        loop.call_soon_threadsafe(begun.set)
        time.sleep(0.1)
        return write(*args)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(writer, "write", slowly)
        yield begun


async def types(world: World, decision_id: str) -> list[str]:
    events = await world.platform.projector.events_of("default", decision_id)
    return [str(event.type) for event in events]


async def run_of(world: World, answer: Answer | Approval) -> Run:
    run_id = answer.run_id if isinstance(answer, Approval) else answer.standing.run_id
    run = await world.platform.stores.runs.get("default", run_id)
    assert run is not None
    return run


async def the_approval(world: World) -> Approval:
    (approval,) = await world.platform.approvals.list(ApprovalPage(), LOCAL)
    return approval


def orphan(decision_id: str, expiry_s: float) -> Proposal:
    return Proposal(
        kind=ApprovalKind.ANSWER,
        decision_id=decision_id,
        run_id="run_orphan",
        workflow="advice",
        step="1",
        payload='{"answer":"a"}',
        expiry_s=expiry_s,
    )


async def leave_while(task: asyncio.Task[object], begun: asyncio.Event) -> None:
    await asyncio.wait_for(begun.wait(), 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def cut_while_keeping_rows(world: World, monkeypatch: pytest.MonkeyPatch) -> Approval:
    """A caller who leaves while the rows are kept, before `waiting` is staged."""
    pending = world.platform.orchestrator._rooms.pending
    begun, add = asyncio.Event(), pending.add_pending

    async def slowly(run: object) -> None:
        begun.set()
        await asyncio.sleep(0.05)
        await add(run)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(pending, "add_pending", slowly)
        task = asyncio.ensure_future(world.ask(workflow="advice"))
        await leave_while(task, begun)  # type: ignore[arg-type]
    await world.platform.orchestrator.drain()
    return await the_approval(world)


async def test_a_caller_who_leaves_while_a_person_is_asked_cuts_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    approval = await cut_while_keeping_rows(world, monkeypatch)
    assert (await types(world, approval.decision_id))[-1] == "waiting"

    await world.platform.resolutions.resolve(approval.id, LOCAL, APPROVE)

    assert (await types(world, approval.decision_id))[-3:] == ["waiting", "resolved", "closed"]
    assert (await run_of(world, approval)).status == "answered"
    assert (await world.record(approval.decision_id)).status == "answered"
    live = world.platform.ledger.durable_sizes()
    assert not verify(world.platform.workspace.befit_dir, live=live).problems


async def failed_asking(world: World, monkeypatch: pytest.MonkeyPatch) -> Approval:
    """Asking fails once the approval is kept, so the decision closes without it."""

    async def fail(_: object) -> None:
        raise Conflict("the run could not be kept")

    with monkeypatch.context() as patch:
        patch.setattr(world.platform.orchestrator._rooms.pending, "add_pending", fail)
        with pytest.raises(Conflict, match="could not be kept"):
            await world.ask(workflow="advice")
    return await the_approval(world)


async def test_an_approval_that_failed_to_be_asked_for_cannot_be_decided(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    approval = await failed_asking(world, monkeypatch)
    before = await types(world, approval.decision_id)
    assert "waiting" not in before

    with pytest.raises(Conflict, match="does not wait for approval"):
        await world.platform.resolutions.resolve(approval.id, LOCAL, APPROVE)

    assert (await the_approval(world)).status is ApprovalStatus.PENDING
    assert await types(world, approval.decision_id) == before


async def test_a_start_withdraws_an_approval_whose_decision_ended_without_it(
    open_world: OpenWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_world(tmp_path) as world:
        await failed_asking(world, monkeypatch)
        await world.platform.approvals.open(orphan("dec_unknown", 60), requester=LOCAL)
    async with open_world(tmp_path) as world:
        approvals = await world.platform.approvals.list(ApprovalPage(), LOCAL)
        assert [approval.status for approval in approvals] == [ApprovalStatus.EXPIRED] * 2


async def test_a_start_ends_the_run_of_an_approval_that_never_came_to_wait(
    open_world: OpenWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_world(tmp_path) as world:
        pending = world.platform.orchestrator._rooms.pending
        add = pending.add_pending

        async def add_and_fail(run: object) -> None:
            await add(run)  # type: ignore[arg-type]
            raise Conflict("stopped here")

        monkeypatch.setattr(pending, "add_pending", add_and_fail)
        with pytest.raises(Conflict, match="stopped here"):
            await world.ask(workflow="advice")
        approval = await the_approval(world)
        assert (await run_of(world, approval)).status == "pending_person"
    async with open_world(tmp_path) as world:
        assert (await run_of(world, approval)).status == "refused"


async def test_an_approval_nobody_waits_for_does_not_stop_a_start(
    open_world: OpenWorld, tmp_path: Path
) -> None:
    async with open_world(tmp_path) as world:
        answer = await world.ask(model="onprem")
        await world.platform.approvals.open(
            orphan(answer.standing.decision_id, 0.01), requester=LOCAL
        )
    await asyncio.sleep(0.02)
    async with open_world(tmp_path) as world:
        assert (await the_approval(world)).status is ApprovalStatus.EXPIRED
        assert (await world.record(answer.standing.decision_id)).status == "answered"


async def test_one_approval_that_cannot_be_followed_does_not_keep_others_from_expiring(
    world: World,
) -> None:
    await world.platform.approvals.open(orphan("dec_unknown", 0.01), requester=LOCAL)
    answer = await world.ask(workflow="advice")
    approvals = world.platform.approvals
    expire = approvals.expire_due

    async def in_a_month() -> tuple[Approval, ...]:
        return await expire(time.time() + 31 * 24 * 3600)

    approvals.expire_due = in_a_month  # type: ignore[method-assign,assignment]
    assert await world.platform.resolutions.expire_due() == 2
    assert (await run_of(world, answer)).status == "expired"
    assert (await types(world, answer.standing.decision_id))[-2:] == ["resolved", "closed"]


async def test_the_watch_outlives_an_approval_that_cannot_be_followed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.platform.approvals.open(orphan("dec_unknown", 0.01), requester=LOCAL)
    resolutions, rounds, done = world.platform.resolutions, [0], asyncio.Event()
    expire = resolutions.expire_due

    async def counted() -> int:
        rounds[0] += 1
        if rounds[0] == 20:
            done.set()
        return await expire()

    monkeypatch.setattr(resolutions, "expire_due", counted)
    monkeypatch.setattr(expiry_watch, "_EVERY_S", 0.002)
    watching = asyncio.create_task(ExpiryWatch(world.platform).run())
    reached = asyncio.create_task(done.wait())
    await asyncio.wait((watching, reached), return_when=asyncio.FIRST_COMPLETED, timeout=20)
    assert not watching.done()
    assert (await the_approval(world)).status is ApprovalStatus.EXPIRED
    watching.cancel()
    reached.cancel()


async def test_files_that_cannot_be_read_do_not_keep_approvals_from_expiring(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = asyncio.Event()

    async def fail() -> None:
        raise RuntimeError("nobody expects this")

    async def expired() -> int:
        done.set()
        return 0

    monkeypatch.setattr(world.platform.shelf, "reload", fail)
    monkeypatch.setattr(world.platform.resolutions, "expire_due", expired)
    monkeypatch.setattr(catalog_watch, "_LOOK_EVERY_S", 0.001)
    monkeypatch.setattr(expiry_watch, "_EVERY_S", 0.05)
    async with Background() as background:
        background.start("the catalog watch", CatalogWatch(world.platform).run)
        background.start("the expiry of approvals", ExpiryWatch(world.platform).run)
        await asyncio.wait_for(done.wait(), 20)
        assert background.failing == ("the catalog watch",)


async def test_a_reviewer_who_leaves_has_decided(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = await world.ask(workflow="advice")
    assert answer.approval_id is not None
    with slow_disk(world, monkeypatch) as begun:
        resolving = world.platform.resolutions.resolve(answer.approval_id, LOCAL, APPROVE)
        await leave_while(asyncio.ensure_future(resolving), begun)  # type: ignore[arg-type]

    run = await run_of(world, answer)
    assert (run.status, run.output) == ("answered", "green")
    assert (await types(world, answer.standing.decision_id))[-2:] == ["resolved", "closed"]


def without_following(world: World, monkeypatch: pytest.MonkeyPatch, part: str) -> None:
    async def stop(*_: object, **__: object) -> None:
        raise BefitError("stopped here")

    resolutions = world.platform.resolutions
    target = resolutions._ledger if part == "append" else resolutions
    monkeypatch.setattr(target, part, stop)


@pytest.mark.parametrize("part", ["append", "_finish"])
async def test_a_start_follows_up_what_was_decided_before_a_crash(
    open_world: OpenWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    async with open_world(tmp_path) as world:
        answer = await world.ask(workflow="advice")
        assert answer.approval_id is not None
        with monkeypatch.context() as patch:
            without_following(world, patch, part)
            with pytest.raises(BefitError, match="stopped here"):
                await world.platform.resolutions.resolve(answer.approval_id, LOCAL, APPROVE)
        assert (await run_of(world, answer)).status == "pending_person"
    for _ in range(2):
        async with open_world(tmp_path) as world:
            run = await run_of(world, answer)
            assert (run.status, run.output) == ("answered", "green")
            told = await types(world, answer.standing.decision_id)
            assert told[-3:] == ["waiting", "resolved", "closed"]


async def test_a_run_that_was_never_kept_is_kept_once_it_is_decided(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def forget(_: object) -> None:
        return None

    pending = world.platform.orchestrator._rooms.pending
    monkeypatch.setattr(pending, "add_pending", forget)
    answer = await world.ask(workflow="advice")
    assert answer.approval_id is not None
    await world.platform.resolutions.resolve(answer.approval_id, LOCAL, APPROVE)
    run = await run_of(world, answer)
    assert (run.status, run.output, run.workflow) == ("answered", "green", "advice")
