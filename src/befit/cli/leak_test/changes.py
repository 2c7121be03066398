"""`Changes`: rights taken away and given back, by each way that there is."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from befit.cli.leak_test.canary import Access, Canary
from befit.cli.leak_test.chronicle import Chronicle
from befit.cli.leak_test.oracle import may_read
from befit.cli.leak_test.planting import files_path, rows_path, write_collection, write_rules
from befit.cli.leak_test.stage import Stage
from befit.cli.leak_test.world import COLLECTIONS, Reader, World

_PAGE = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One change: what the world is afterwards, and what makes it so.

    Attributes:
        way: what was done, in a few words.
    """

    way: str
    after: World
    do: Callable[[], Awaitable[object]]


class Changes:
    """Makes changes, one after another, and tells the chronicle of each."""

    def __init__(self, stage: Stage, chronicle: Chronicle) -> None:
        self._stage = stage
        self._chronicle = chronicle

    async def plant(self) -> None:
        """Put everything in place: groups, rules and documents."""
        world = self._chronicle.now
        for (tenant, group), names in world.members.items():
            for name in names:
                await self._member(tenant, group, name, is_in=True)
        write_rules(self._stage.workspace.root, world)
        await self._reload()
        for tenant in self._stage.tenants:
            for collection in COLLECTIONS:
                await self._ingest(tenant, collection, world)

    async def apply(self, change: Change) -> None:
        """Make a change; once this returns, only the new world counts."""
        self._chronicle.begin(change.after)
        await change.do()
        self._chronicle.settle()

    def taking(self, chance: random.Random, reader: Reader, canary: Canary) -> Change:
        """A change after which the reader may not read the document any more."""
        world = self._chronicle.now
        ways = [*self._leaving(world, reader), *self._denying(world, reader, canary)]
        fitting = [each for each in ways if not may_read(each.after, reader, canary)]
        ends = (self._removed(world, canary), self._rewritten(world, canary, chance))
        return chance.choice([*fitting, *fitting, *ends])

    def giving_back(self, change: Change, before: World) -> Change | None:
        """The change that undoes one; None where what went does not come back."""
        now = self._chronicle.now
        for key, names in before.members.items():
            for name in names - now.members[key]:
                return self._membership(now, *key, name, is_in=True)
        if before.rules != now.rules:
            return self._rule(replace(now, rules=before.rules))
        for old, new in zip(before.canaries, now.canaries, strict=False):
            if old.access != new.access:
                return self._row(change.way, now.with_access(new, old.access), new)
        return None

    def _leaving(self, world: World, reader: Reader) -> list[Change]:
        return [
            self._membership(world, tenant, group, reader.name, is_in=False)
            for (tenant, group), names in world.members.items()
            if tenant == reader.tenant and reader.name in names
        ]

    def _membership(
        self, world: World, tenant: str, group: str, name: str, *, is_in: bool
    ) -> Change:
        return Change(
            way="joined a group" if is_in else "left a group",
            after=world.with_member(tenant, group, name, is_in=is_in),
            do=lambda: self._member(tenant, group, name, is_in=is_in),
        )

    def _denying(self, world: World, reader: Reader, canary: Canary) -> list[Change]:
        if canary.folder is None:
            access = _denied(canary.access or Access(), reader)
            return [
                self._row("another list in the source", world.with_access(canary, access), canary)
            ]
        return [
            self._rule(world.with_rule(place, _denied(rule.access, reader)))
            for place, rule in enumerate(world.rules)
            if rule.folder == canary.folder and rule.collection in (None, canary.collection)
        ]

    def _rule(self, after: World) -> Change:
        async def edit() -> None:
            write_rules(self._stage.workspace.root, after)
            await self._reload()

        return Change(way="an edit of acl.yaml", after=after, do=edit)

    def _row(self, way: str, after: World, canary: Canary) -> Change:
        return Change(
            way=way,
            after=after,
            do=lambda: self._ingest(canary.tenant, canary.collection, after),
        )

    def _removed(self, world: World, canary: Canary) -> Change:
        return self._row("removed at the source", world.without(canary), canary)

    def _rewritten(self, world: World, canary: Canary, chance: random.Random) -> Change:
        return self._row("another text", world.rewritten(canary, chance), canary)

    async def _member(self, tenant: str, group: str, name: str, *, is_in: bool) -> None:
        operation = "groups.add_member" if is_in else "groups.remove_member"
        await self._stage.manage(tenant, operation, {"name": group, "member": name})

    async def _reload(self) -> None:
        document = await self._stage.manage(self._stage.tenants[0], "reload", {})
        if document["problems"]:
            raise RuntimeError(f"the planted rules are not in force: {document['problems']}")

    async def _ingest(self, tenant: str, collection: str, world: World) -> None:
        write_collection(self._stage.sources, world, tenant, collection)
        for source in (
            rows_path(self._stage.sources, tenant, collection),
            files_path(self._stage.sources, tenant, collection),
        ):
            params = {"source": str(source), "collection": collection}
            document = await self._stage.manage(tenant, "ingest", params)
            if document["skipped_count"] or not document["complete"]:
                raise RuntimeError(f"what was planted was not taken in: {document}")
        await self._learn_keys(tenant, world)

    async def _learn_keys(self, tenant: str, world: World) -> None:
        """The keys that the product keeps documents under are as telling as their names."""
        living = {(each.collection, each.doc_id): each for each in world.living(tenant)}
        documents = await self._stage.platform.stores.knowledge.documents.page(
            tenant, collection=None, after="", limit=_PAGE
        )
        self._chronicle.know_keys(
            (document.key, living[document.collection, document.doc_id])
            for document in documents
            if (document.collection, document.doc_id) in living
        )


def _denied(access: Access, reader: Reader) -> Access:
    return replace(access, deny_users=access.deny_users | {reader.name})
