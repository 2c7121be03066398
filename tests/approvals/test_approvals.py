from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from befit.approvals import (
    Approval,
    ApprovalKind,
    ApprovalPage,
    Approvals,
    ApprovalStatus,
    Proposal,
    payload_sha256,
)
from befit.audit.sealing import Sealer, SealingKey
from befit.errors import Conflict, Forbidden, InvalidRequest, NotFound
from befit.identity import Principal, Role, local_administrator
from befit.storage import Database, SqlApprovalStore, database_url, upgrade

ASKER = Principal(id="key:asker", name="asker")
ANA = Principal(id="key:a", name="ana")
MEMBER = Principal(id="key:m", name="mia", groups=frozenset({"everyone", "desk"}))
REVIEWER = Principal(id="key:r", name="rev", roles=frozenset({Role.USER, Role.REVIEWER}))
ADMIN = Principal(id="key:x", name="adm", roles=frozenset({Role.ADMIN}))
NOBODY = Principal(id="key:n", name="nobody")
SCOPED = tuple(replace(each, workflows=frozenset({"triage"})) for each in (REVIEWER, ADMIN))
ELSEWHERE = tuple(replace(each, workflows=frozenset({"advice"})) for each in (REVIEWER, ADMIN))
STRANGER = replace(ADMIN, tenant="other")
LOCAL = local_administrator()

PROPOSAL = Proposal(
    kind=ApprovalKind.ANSWER,
    decision_id="dec_1",
    run_id="run_1",
    workflow="triage",
    step="1",
    payload='{"answer": "yes"}',
    expiry_s=60.0,
)


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def approvals(tmp_path: Path, clock: Clock) -> Iterator[Approvals]:
    url = database_url(tmp_path / "befit.db")
    upgrade(url)
    database = Database(url)
    key = SealingKey(tenant="default", secret=os.urandom(32))
    yield Approvals(SqlApprovalStore(database, Sealer({"default": key})), clock)
    database.close()


async def _open(approvals: Approvals, requester: Principal = ASKER, **changes: object) -> Approval:
    return await approvals.open(replace(PROPOSAL, **changes), requester=requester)  # type: ignore[arg-type]


async def test_what_is_opened_waits_with_its_hash_and_its_time(approvals: Approvals) -> None:
    opened = await _open(approvals)
    assert opened.status is ApprovalStatus.PENDING
    assert opened.payload_sha256 == payload_sha256(PROPOSAL.payload)
    assert (opened.requester_id, opened.due) == (ASKER.id, 1_060.0)
    assert await approvals.get(opened.id, ADMIN) == opened


@pytest.mark.parametrize(
    ("reviewers", "entitled", "not_entitled"),
    [
        ((), [REVIEWER, ADMIN, LOCAL], [ANA, MEMBER, NOBODY]),
        ((), SCOPED, ELSEWHERE),
        (("ana",), [ANA, ADMIN, LOCAL], [MEMBER, REVIEWER, NOBODY]),
        (("key:a",), [ANA, ADMIN], [REVIEWER, NOBODY]),
        (("group:desk",), [MEMBER, ADMIN], [ANA, REVIEWER, NOBODY]),
        (("desk", "everyone"), [ADMIN], [MEMBER, NOBODY]),
    ],
)
async def test_only_the_entitled_decide(
    approvals: Approvals,
    reviewers: tuple[str, ...],
    entitled: list[Principal],
    not_entitled: list[Principal],
) -> None:
    for kind in ApprovalKind:
        for principal in entitled:
            opened = await _open(approvals, reviewers=reviewers, kind=kind)
            decided = await approvals.approve(
                opened.id, principal, payload_sha256=opened.payload_sha256
            )
            assert (decided.status, decided.resolved_by) == ("approved", principal.id)
            assert not decided.self_approved
        opened = await _open(approvals, reviewers=reviewers, kind=kind)
        for principal in not_entitled:
            with pytest.raises(Forbidden, match=r"among those entitled|limited to"):
                await approvals.approve(opened.id, principal, payload_sha256=opened.payload_sha256)
            with pytest.raises(NotFound):
                await approvals.get(opened.id, principal)


@pytest.mark.parametrize("kind", list(ApprovalKind))
@pytest.mark.parametrize("act", ["approve", "reject", "edit"])
@pytest.mark.parametrize("requester", [ADMIN, REVIEWER, ANA])
async def test_the_requester_never_decides(
    approvals: Approvals, kind: ApprovalKind, act: str, requester: Principal
) -> None:
    reviewers = ("ana",) if requester is ANA else ()
    opened = await _open(approvals, requester, kind=kind, reviewers=reviewers)
    more = {"edited": "{}"} if act == "edit" else {}
    with pytest.raises(Forbidden, match="somebody else must decide"):
        await getattr(approvals, act)(
            opened.id, requester, payload_sha256=opened.payload_sha256, **more
        )
    assert (await approvals.get(opened.id, ADMIN)).status is ApprovalStatus.PENDING


async def test_the_local_administrator_may_decide_on_its_own_answer_and_that_is_recorded(
    approvals: Approvals,
) -> None:
    opened = await _open(approvals, LOCAL)
    decided = await approvals.approve(opened.id, LOCAL, payload_sha256=opened.payload_sha256)
    assert decided.self_approved
    effect = await _open(approvals, LOCAL, kind=ApprovalKind.EFFECT)
    with pytest.raises(Forbidden, match="somebody else"):
        await approvals.approve(effect.id, LOCAL, payload_sha256=effect.payload_sha256)


async def test_the_requester_sees_it_and_is_told_why_not(approvals: Approvals) -> None:
    opened = await _open(approvals)
    assert await approvals.get(opened.id, ASKER) == opened
    with pytest.raises(Forbidden, match="not among those entitled: administrators and reviewers"):
        await approvals.approve(opened.id, ASKER, payload_sha256=opened.payload_sha256)


async def test_nobody_decides_on_a_payload_they_were_not_shown(approvals: Approvals) -> None:
    opened = await _open(approvals)
    with pytest.raises(Conflict, match=opened.payload_sha256) as conflict:
        await approvals.approve(opened.id, ADMIN, payload_sha256=payload_sha256("{}"))
    assert f"befit approvals show {opened.id}" in str(conflict.value)


async def test_a_decision_is_final(approvals: Approvals) -> None:
    opened = await _open(approvals)
    sha256 = opened.payload_sha256
    rejected = await approvals.reject(opened.id, ADMIN, payload_sha256=sha256, note="no")
    assert (rejected.status, rejected.note) == ("rejected", "no")
    with pytest.raises(Conflict, match=f"already rejected by {ADMIN.id}"):
        await approvals.approve(opened.id, REVIEWER, payload_sha256=sha256)


async def test_an_edit_carries_the_new_payload_and_its_hash(approvals: Approvals) -> None:
    opened = await _open(approvals)
    new = '{"answer": "no"}'
    edited = await approvals.edit(
        opened.id, ADMIN, payload_sha256=opened.payload_sha256, edited=new
    )
    assert (edited.status, edited.payload) == ("edited", PROPOSAL.payload)
    assert (edited.effective_payload, edited.effective_sha256) == (new, payload_sha256(new))


async def test_of_all_who_decide_at_once_one_decides(approvals: Approvals) -> None:
    opened = await _open(approvals)
    sha256 = opened.payload_sha256
    deciding = [
        approvals.approve(opened.id, ADMIN, payload_sha256=sha256),
        approvals.reject(opened.id, REVIEWER, payload_sha256=sha256),
        approvals.edit(opened.id, LOCAL, payload_sha256=sha256, edited="{}"),
    ]
    results = await asyncio.gather(*deciding, return_exceptions=True)
    winners = [result for result in results if isinstance(result, Approval)]
    assert len(winners) == 1
    assert all(isinstance(result, Approval | Conflict) for result in results)
    assert await approvals.get(opened.id, ADMIN) == winners[0]


async def test_after_its_time_nobody_decides_even_before_it_was_expired(
    approvals: Approvals, clock: Clock
) -> None:
    opened = await _open(approvals)
    clock.now += 60
    with pytest.raises(Conflict, match="already expired"):
        await approvals.approve(opened.id, ADMIN, payload_sha256=opened.payload_sha256)
    (expired,) = await approvals.expire_due()
    assert (expired.id, expired.status) == (opened.id, ApprovalStatus.EXPIRED)
    assert await approvals.expire_due() == ()


async def test_another_tenant_sees_and_decides_nothing(approvals: Approvals) -> None:
    opened = await _open(approvals)
    with pytest.raises(NotFound):
        await approvals.approve(opened.id, STRANGER, payload_sha256=opened.payload_sha256)
    assert await approvals.list(ApprovalPage(), STRANGER) == ()
    assert await approvals.list(ApprovalPage(tenant="default"), STRANGER) == ()


async def test_a_list_shows_what_one_may_see_and_fills_its_page(approvals: Approvals) -> None:
    for number in range(9):
        await _open(approvals, reviewers=("ana",) if number % 3 == 0 else ("bea",))
    own = await _open(approvals, ANA, reviewers=("bea",))
    seen = await approvals.list(ApprovalPage(limit=3), ANA)
    assert len(seen) == 3
    assert seen[0] == own
    rest = await approvals.list(ApprovalPage(limit=3, before=seen[-1].id), ANA)
    assert [each.reviewers for each in (*seen[1:], *rest)] == [("ana",)] * 3
    assert await approvals.list(ApprovalPage(), NOBODY) == ()
    assert len(await approvals.list(ApprovalPage(), ADMIN)) == 10


@pytest.mark.parametrize("payload", ["", "no json", '{"a": }', "\ud800"])
async def test_a_payload_that_is_not_json_is_refused(approvals: Approvals, payload: str) -> None:
    with pytest.raises(InvalidRequest, match="not JSON"):
        await _open(approvals, payload=payload)
    opened = await _open(approvals)
    with pytest.raises(InvalidRequest, match="not JSON"):
        await approvals.edit(opened.id, ADMIN, payload_sha256=opened.payload_sha256, edited=payload)


async def test_no_time_to_decide_is_refused(approvals: Approvals) -> None:
    with pytest.raises(InvalidRequest, match="no time"):
        await _open(approvals, expiry_s=0)


async def test_what_is_withdrawn_can_no_longer_be_decided(approvals: Approvals) -> None:
    opened = await _open(approvals)
    assert await approvals.withdraw(opened)
    assert not await approvals.withdraw(opened)
    with pytest.raises(Conflict, match="already expired"):
        await approvals.approve(opened.id, ADMIN, payload_sha256=opened.payload_sha256)
    assert (await approvals.get(opened.id, ADMIN)).status is ApprovalStatus.EXPIRED
