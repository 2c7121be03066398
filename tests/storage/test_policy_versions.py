"""Versions of the rules are kept whole, once each, by their hash."""

from __future__ import annotations

import hashlib

from befit.policy import PolicyChoice, kept_rules, read_policies
from befit.storage import Database, SqlPolicyVersionStore


async def test_a_version_is_kept_whole_and_as_it_was_first(database: Database) -> None:
    now = [1.0]
    store = SqlPolicyVersionStore(database, clock=lambda: now[0])
    first = read_policies({}, PolicyChoice()).rules
    second = read_policies({}, PolicyChoice(packaged=("baseline",))).rules
    await store.keep(first)
    now[0] = 2.0
    await store.keep(second)
    await store.keep(first)
    kept = await store.get(first.version)
    assert (kept.content, kept.at) == (first.content, 1.0)
    assert kept.version == "sha256:" + hashlib.sha256(kept.content.encode()).hexdigest()
    assert [each.version for each in await store.list()] == [second.version, first.version]
    assert kept_rules(kept.content).version == first.version
    assert await store.get("sha256:none") is None
