from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import select

from befit.audit.sealing import Sealer
from befit.errors import Conflict, NotFound
from befit.storage import Database, SqlRunStore
from befit.storage.schema import RUNS
from befit.workflows import Finish, Run, RunPage, RunStatus, RunStore

OUTPUT = '{"label": "rumpelstiltskin"}'
ANSWERED = Finish(status=RunStatus.ANSWERED, at=20.0, output=OUTPUT)


def run(number: int = 1, **changes: object) -> Run:
    made = Run(
        run_id=f"run_{number:04}",
        decision_id=f"dec_{number:04}",
        tenant="default",
        workflow="triage",
        principal_id="key:K1",
        created_at=10.5,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


@pytest.fixture
def store(database: Database, sealer: Sealer) -> RunStore:
    return SqlRunStore(database, sealer)


async def test_a_run_comes_back_as_it_was_kept(store: RunStore) -> None:
    pending = run(status=RunStatus.PENDING_PERSON, approval_id="apr_1")
    await store.add(pending)
    await store.add(run())  # a run that is there stays as it is
    assert await store.get("default", "run_0001") == pending
    assert await store.get("other", "run_0001") is None


async def test_a_finished_run_has_its_output_sealed(store: RunStore, database: Database) -> None:
    await store.add(run(status=RunStatus.PENDING_PERSON))
    finished = await store.finish("default", "run_0001", ANSWERED)
    assert (finished.status, finished.output, finished.finished_at) == ("answered", OUTPUT, 20.0)
    (row,) = await database.read(lambda c: c.execute(select(RUNS)).all())
    assert "rumpelstiltskin" not in repr(tuple(row))


async def test_without_its_key_a_run_has_no_output(store: RunStore, database: Database) -> None:
    await store.add(run(output=OUTPUT, status=RunStatus.ANSWERED))
    back = await SqlRunStore(database, Sealer({})).get("default", "run_0001")
    assert back == run(status=RunStatus.ANSWERED)


async def test_finishing_again_alike_is_fine_and_otherwise_a_conflict(store: RunStore) -> None:
    await store.add(run())
    first = await store.finish("default", "run_0001", ANSWERED)
    assert await store.finish("default", "run_0001", replace(ANSWERED, at=99.0)) == first
    with pytest.raises(Conflict, match="already ended: answered"):
        await store.finish("default", "run_0001", Finish(status=RunStatus.FAILED, at=21.0))


async def test_outputs_are_opened_off_the_event_loop(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.add(run())
    threads: list[int] = []
    real = Sealer.open

    def told(sealer: Sealer, tenant: str, purpose: str, box: bytes) -> bytes:
        threads.append(threading.get_ident())
        return real(sealer, tenant, purpose, box)

    monkeypatch.setattr(Sealer, "open", told)
    await store.finish("default", "run_0001", ANSWERED)
    await store.get("default", "run_0001")
    await store.list(RunPage())
    assert len(threads) == 3
    assert threading.get_ident() not in threads


async def test_an_unknown_run_cannot_be_finished(store: RunStore) -> None:
    await store.add(run())
    for tenant, run_id in (("default", "run_9"), ("other", "run_0001")):
        with pytest.raises(NotFound):
            await store.finish(tenant, run_id, ANSWERED)


async def test_a_status_that_is_not_final_ends_no_run(store: RunStore) -> None:
    with pytest.raises(ValueError, match="pending_person ends no run"):
        await store.finish("default", "run_1", Finish(status=RunStatus.PENDING_PERSON, at=1.0))


async def test_of_ends_at_once_by_two_processes_one_stays(
    store: RunStore, sealer: Sealer, another: Callable[[], Database]
) -> None:
    await store.add(run())
    ends = [
        Finish(status=RunStatus.ANSWERED, at=1.0, output="1"),
        Finish(status=RunStatus.FAILED, at=2.0),
    ]
    stores = [store, SqlRunStore(another(), sealer)]
    results = await asyncio.gather(
        *(each.finish("default", "run_0001", end) for each, end in zip(stores, ends, strict=True)),
        return_exceptions=True,
    )
    assert sorted(type(result).__name__ for result in results) == ["Conflict", "Run"]


async def test_pages_come_newest_first_and_filtered(store: RunStore) -> None:
    for number in range(4):
        await store.add(run(number))
    await store.add(run(8, principal_id="key:K2", status=RunStatus.FAILED))
    await store.add(run(9, tenant="other"))

    async def ids(**asked: object) -> list[str]:
        page = replace(RunPage(), **asked)  # type: ignore[arg-type]
        return [each.run_id for each in await store.list(page)]

    assert await ids(limit=2) == ["run_0008", "run_0003"]
    assert await ids(before="run_0001") == ["run_0000"]
    assert await ids(principal_id="key:K2") == await ids(status=RunStatus.FAILED) == ["run_0008"]
    assert await ids(tenant="other") == ["run_0009"]
