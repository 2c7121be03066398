"""The leak test's own reading of who may read what."""

from __future__ import annotations

import random

import pytest

from befit.cli.leak_test.canary import Access
from befit.cli.leak_test.oracle import may_read, readable
from befit.cli.leak_test.world import EVERYONE, GROUPS, Reader, Rule
from tests.cli.leak_test.canaries import BO, CY, KEEPER, NAMESAKE, canary, world

_GROUP = frozenset({GROUPS[0]})
_BO = frozenset({BO.name})


@pytest.mark.parametrize(
    ("access", "readers"),
    [
        (None, {KEEPER}),
        (Access(), {KEEPER}),
        (Access(users=_BO), {BO, KEEPER}),
        (Access(users=frozenset({BO.id})), {BO, KEEPER}),
        (Access(groups=_GROUP), {BO, KEEPER}),
        (Access(groups=frozenset({EVERYONE})), {BO, CY, KEEPER}),
        (Access(groups=frozenset({EVERYONE}), deny_users=_BO), {CY, KEEPER}),
        (Access(groups=frozenset({EVERYONE}), deny_groups=_GROUP), {CY, KEEPER}),
        (Access(users=_BO, deny_groups=_GROUP), {KEEPER}),
        (Access(users=_BO, deny_users=frozenset({KEEPER.name})), {BO}),
        (Access(groups=_GROUP, deny_groups=frozenset({EVERYONE})), set()),
    ],
)
def test_deny_wins_and_none_known_means_administrators(
    access: Access | None, readers: set[Reader]
) -> None:
    planted = canary(access)
    now = world(planted)
    assert {each for each in now.readers if may_read(now, each, planted)} == readers


def test_a_tenant_s_documents_are_nobody_s_of_another() -> None:
    planted = canary(Access(users=_BO, groups=frozenset({EVERYONE})))
    assert not may_read(world(planted), NAMESAKE, planted)


def test_the_first_rule_that_matches_says_it_and_no_rule_says_nobody() -> None:
    planted = canary(folder="vault")
    rules = (
        Rule(folder="vault", collection="payroll", access=Access(users=frozenset({CY.name}))),
        Rule(folder="vault", collection=None, access=Access(users=_BO)),
        Rule(folder="vault", collection=None, access=Access(groups=frozenset({EVERYONE}))),
    )
    now = world(planted, rules=rules)
    assert may_read(now, BO, planted)
    assert not may_read(now, CY, planted)
    assert not may_read(world(planted), BO, planted)


def test_what_is_gone_or_rewritten_is_nobody_s() -> None:
    planted = canary(Access(groups=frozenset({EVERYONE})))
    now = world(planted)
    assert readable(now, KEEPER) == set(planted.marks)
    assert readable(now.without(planted), KEEPER) == frozenset()
    new = now.rewritten(planted, random.Random(9))
    assert planted.secret not in readable(new, KEEPER)
    assert planted.doc_id.removeprefix("note-") in readable(new, KEEPER)
