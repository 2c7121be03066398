"""Acts of activation come back in the order in which they were done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from befit.catalog import Activation, ItemKind, Stage
from befit.storage import Database, SqlActivationStore

ACT = Activation(
    tenant="default",
    kind=ItemKind.MODEL,
    name="big",
    release="sha256:aa",
    stage=Stage.APPROVED,
    content='{"via": "openai"}',
    by="local:admin",
    event="admin_1",
    at=100.5,
)


async def test_a_history_is_told_newest_first_and_of_one_name_alone(
    database: Database, another: Callable[[], Database]
) -> None:
    store = SqlActivationStore(database)
    retired = replace(ACT, stage=Stage.RETIRED, at=99.0)
    for each in (ACT, retired, replace(ACT, name="small"), replace(ACT, kind=ItemKind.WORKFLOW)):
        await store.add(each)
    # The clock may have jumped: the order in which they were kept counts.
    assert await SqlActivationStore(another()).history(ItemKind.MODEL, "big") == (retired, ACT)


async def test_the_newest_act_of_each_tenant_on_each_name_is_told_oldest_first(
    database: Database,
) -> None:
    store = SqlActivationStore(database)
    again = replace(ACT, release="sha256:bb")
    others = replace(ACT, tenant="b")
    workflow = replace(ACT, kind=ItemKind.WORKFLOW)
    for each in (ACT, others, workflow, again):
        await store.add(each)
    assert await store.newest() == (others, workflow, again)


async def test_nothing_is_activated_at_first(database: Database) -> None:
    assert await SqlActivationStore(database).newest() == ()
