"""`World`: who there is, in which groups, and which canaries are planted, at one moment.

A world never changes; a change of rights makes the next one, so that what somebody was shown
can be held against every world that was while they were asking.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace

from befit.cli.leak_test.canary import Access, Canary, new_canary, new_mark, new_subjects

COLLECTIONS = ("manuals", "incidents", "payroll")
GROUPS = ("desk-north", "desk-south", "night-shift", "stewards")
EVERYONE = "everyone"
FOLDERS = ("attic", "cellar", "vault", "yard")
READERS = ("ada-reader", "bo-reader", "cy-reader", "di-reader", "ed-reader", "fay-reader")
ADMINISTRATOR = "gus-keeper"
_ROWS, _FILES, _TWINS = 8, 6, 4  # of a collection


@dataclass(frozen=True, kw_only=True, slots=True)
class Reader:
    """Somebody who asks.

    Attributes:
        id: as Befit made it.
    """

    tenant: str
    name: str
    id: str
    is_admin: bool = False

    @property
    def asserted(self) -> Reader:
        """The same as the command line's `--as` asserts them: another id, and no role."""
        return replace(self, id=f"as:{self.name}", is_admin=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """One rule of `knowledge/acl.yaml`: all that lies in a folder."""

    folder: str
    collection: str | None
    access: Access

    @property
    def pattern(self) -> str:
        """The paths that it speaks of."""
        return f"{self.folder}/**"


@dataclass(frozen=True, kw_only=True, slots=True)
class World:
    """Everything that who may read what depends on.

    Attributes:
        members: for each group of a tenant the names of who is in it.
        rules: of `acl.yaml`, for all tenants; the first that matches says it.
        canaries: those that are gone included, since nobody may hear of them any more.
    """

    readers: tuple[Reader, ...]
    members: Mapping[tuple[str, str], frozenset[str]]
    rules: tuple[Rule, ...]
    canaries: tuple[Canary, ...]

    def groups_of(self, reader: Reader) -> frozenset[str]:
        """The groups that a reader is in, `everyone` included."""
        joined = {
            group
            for (tenant, group), names in self.members.items()
            if tenant == reader.tenant and reader.name in names
        }
        return frozenset(joined | {EVERYONE})

    def living(self, tenant: str) -> list[Canary]:
        """The canaries of a tenant that are there."""
        return [each for each in self.canaries if each.tenant == tenant and not each.is_gone]

    def with_member(self, tenant: str, group: str, name: str, *, is_in: bool) -> World:
        """The world once somebody has joined or left."""
        names = self.members[tenant, group]
        changed = names | {name} if is_in else names - {name}
        return replace(self, members={**self.members, (tenant, group): changed})

    def with_rule(self, place: int, access: Access) -> World:
        """The world once a rule says something else."""
        rules = list(self.rules)
        rules[place] = replace(rules[place], access=access)
        return replace(self, rules=tuple(rules))

    def with_access(self, canary: Canary, access: Access | None) -> World:
        """The world once a row says something else of who may read it."""
        return self._with(canary, replace(canary, access=access))

    def without(self, canary: Canary) -> World:
        """The world once a document is removed."""
        return self._with(canary, replace(canary, is_gone=True))

    def rewritten(self, canary: Canary, chance: random.Random) -> World:
        """The world once a document's text is another; what it said is nobody's any more."""
        new = replace(canary, secret=new_mark(chance))
        world = self.without(canary)
        return replace(world, canaries=(*world.canaries, new))

    def _with(self, canary: Canary, changed: Canary) -> World:
        canaries = tuple(changed if each is canary else each for each in self.canaries)
        return replace(self, canaries=canaries)


def random_access(chance: random.Random, readers: tuple[Reader, ...]) -> Access:
    """Some may, some may not; by name, by id, by group, everyone or nobody."""
    people = [name for reader in readers for name in (reader.name, reader.id)]
    groups = [*GROUPS, *GROUPS, EVERYONE]
    return Access(
        users=frozenset(chance.sample(people, chance.choice((0, 0, 1, 2)))),
        groups=frozenset(chance.sample(groups, chance.choice((0, 1, 1, 2)))),
        deny_users=frozenset(chance.sample(people, chance.choice((0, 0, 0, 1)))),
        deny_groups=frozenset(chance.sample(groups, chance.choice((0, 0, 0, 1)))),
    )


def random_members(
    chance: random.Random, tenants: tuple[str, ...]
) -> dict[tuple[str, str], frozenset[str]]:
    """Who is in which group; a name says nothing across tenants."""
    return {
        (tenant, group): frozenset(chance.sample(READERS, chance.randint(1, 3)))
        for tenant in tenants
        for group in GROUPS
    }


def random_rules(chance: random.Random, readers: tuple[Reader, ...]) -> tuple[Rule, ...]:
    """A rule for each folder but one, of which nothing is known."""
    known = chance.sample(FOLDERS, len(FOLDERS) - 1)
    narrow = Rule(folder=known[0], collection=COLLECTIONS[0], access=random_access(chance, readers))
    rest = (
        Rule(folder=folder, collection=None, access=random_access(chance, readers))
        for folder in known
    )
    return (narrow, *rest)


def random_canaries(
    chance: random.Random, tenants: tuple[str, ...], readers: tuple[Reader, ...]
) -> tuple[Canary, ...]:
    """Documents for every tenant and collection, some of which have a twin."""
    places = [(tenant, collection) for tenant in tenants for collection in COLLECTIONS]
    subjects = iter(new_subjects(chance, len(places) * (_ROWS + _FILES)))
    planted: list[Canary] = []
    for tenant, collection in places:
        own = [each for each in readers if each.tenant == tenant]
        for number in range(_ROWS + _FILES):
            is_row = number < _ROWS
            is_open = is_row and chance.random() < 0.85
            canary = new_canary(
                chance,
                next(subjects),
                tenant=tenant,
                collection=collection,
                folder=None if is_row else chance.choice(FOLDERS),
                access=random_access(chance, tuple(own)) if is_open else None,
            )
            planted.append(canary)
            if number < _TWINS:
                planted.append(_twin(chance, canary, tenants, tuple(own)))
    return tuple(planted)


def _twin(
    chance: random.Random, canary: Canary, tenants: tuple[str, ...], own: tuple[Reader, ...]
) -> Canary:
    """The same in the same words under other rights, or at another tenant under the same id."""
    marked = replace(canary, secret=new_mark(chance), reference=new_mark(chance))
    if chance.random() < 0.3:
        other = next(tenant for tenant in tenants if tenant != canary.tenant)
        return replace(marked, tenant=other)
    return replace(
        marked,
        doc_id=f"note-{new_mark(chance)}",
        title=f"Handling of the {canary.subject}, sheet {new_mark(chance)}",
        access=random_access(chance, own),
    )
