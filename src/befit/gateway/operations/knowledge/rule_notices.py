"""What of `knowledge/acl.yaml` speaks of nothing that is there, a sentence each."""

from __future__ import annotations

from befit.errors import nearest
from befit.gateway.operations.entitled import may
from befit.identity import Principal
from befit.platform import Platform
from befit.policy import Action


async def unknown_collections(platform: Platform, principal: Principal) -> tuple[str, ...]:
    """Collections that rules name and that there are not, with the nearest one that there is.

    Told to administrators, for the rules are the workspace's and not a collection's. Where there
    are several tenants it may be another one's collection, whose name is not to be told here: then
    nothing is said.
    """
    if not may(platform, principal, Action.ADMINISTER):
        return ()
    if len(platform.settings.identity.tenants) > 1:
        return ()
    there = [
        each.name for each in await platform.stores.knowledge.collections.list(principal.tenant)
    ]
    named = {each.collection for each in platform.shelf.now.access.rules if each.collection}
    return tuple(
        f"a rule in knowledge/acl.yaml names collection {name!r}, which there is not: "
        f"{nearest(name, there) or 'it decides on nothing until there is one'}"
        for name in sorted(named.difference(there))
    )
