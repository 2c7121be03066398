"""Who may read what, read from DESIGN a second time and in plain Python.

Nothing here asks the product: where the two readings differ, one of them is wrong.
"""

from __future__ import annotations

from befit.cli.leak_test.canary import Access, Canary
from befit.cli.leak_test.world import Reader, World


def may_read(world: World, reader: Reader, canary: Canary) -> bool:
    """Whether a reader may hear of a document: deny wins, and none known means nobody.

    Administrators are let in wherever they are not denied.
    """
    if canary.is_gone or canary.tenant != reader.tenant:
        return False
    access = access_of(world, canary)
    if access is None:
        return reader.is_admin
    named = {reader.id, reader.name}
    groups = world.groups_of(reader)
    if named & access.deny_users or groups & access.deny_groups:
        return False
    return reader.is_admin or bool(named & access.users or groups & access.groups)


def access_of(world: World, canary: Canary) -> Access | None:
    """What is said of who may read a document; None where nobody says."""
    if canary.folder is None:
        return canary.access
    for rule in world.rules:
        is_meant = rule.collection in (None, canary.collection)
        if is_meant and canary.doc_id.startswith(f"{rule.folder}/"):
            return rule.access
    return None


def readable(world: World, reader: Reader) -> frozenset[str]:
    """The marks that a reader may see."""
    return frozenset(
        mark
        for canary in world.canaries
        if may_read(world, reader, canary)
        for mark in canary.marks
    )
