"""Readers and canaries to write small worlds with."""

from __future__ import annotations

import random
from typing import Any

from befit.cli.leak_test.canary import Access, Canary, new_canary
from befit.cli.leak_test.chronicle import Chronicle
from befit.cli.leak_test.surfaces import Seen, Surface
from befit.cli.leak_test.tally import Tally
from befit.cli.leak_test.world import GROUPS, Reader, Rule, World

TENANT = "default"
BO = Reader(tenant=TENANT, name="bo-reader", id="person:BO")
CY = Reader(tenant=TENANT, name="cy-reader", id="person:CY")
KEEPER = Reader(tenant=TENANT, name="gus-keeper", id="person:GUS", is_admin=True)
NAMESAKE = Reader(tenant="other", name="bo-reader", id="person:OTHER")


def canary(
    access: Access | None = None, *, folder: str | None = None, seed: int = 1, tenant: str = TENANT
) -> Canary:
    return new_canary(
        random.Random(seed),
        "amber cedar kiln",
        tenant=tenant,
        collection="manuals",
        folder=folder,
        access=access,
    )


def tally_of(*canaries: Canary) -> Tally:
    return Tally(Chronicle(world(*canaries)))


def seen(content: str, reader: Reader | None = CY, **more: Any) -> Seen:
    times = {"since": 0, "until": 0, **more}
    return Seen(surface=Surface.SEARCH, reader=reader, content=content.lower(), **times)


def world(*canaries: Canary, rules: tuple[Rule, ...] = ()) -> World:
    """BO is in the first group, CY in none."""
    members = {
        (tenant, group): frozenset({BO.name} if group == GROUPS[0] else set[str]())
        for tenant in (TENANT, "other")
        for group in GROUPS
    }
    return World(
        readers=(BO, CY, KEEPER, NAMESAKE), members=members, rules=rules, canaries=canaries
    )
