"""`Acl`: who may read a document, as its source or `knowledge/acl.yaml` says."""

from __future__ import annotations

from dataclasses import dataclass

from befit.identity import Principal, plain_name


@dataclass(frozen=True, kw_only=True, slots=True)
class Acl:
    """Users and groups that may read, and those that may not whatever else is said.

    A user is meant by id (`person:P3Q4`, `key:K1A2`, `as:mara`) or by name; names are as
    `plain_name` has them, by whatever door they came. Deny wins.
    An ACL without users and groups lets nobody in but administrators, as none known does.
    """

    users: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    deny_users: frozenset[str] = frozenset()
    deny_groups: frozenset[str] = frozenset()

    def denies(self, reader: Principal) -> bool:
        """Whether it names the reader, or a group of theirs, as one who may not."""
        return bool(names_of(reader) & self.deny_users or reader.groups & self.deny_groups)

    def admits(self, reader: Principal) -> bool:
        """Whether the reader may read what is under it."""
        if self.denies(reader):
            return False
        named = names_of(reader) & self.users or reader.groups & self.groups
        return bool(named) or reader.is_admin


NOBODY_KNOWN = Acl()
"""Where no source and no rule says who may read: administrators only."""


def names_of(reader: Principal) -> frozenset[str]:
    """What an ACL may call the reader: the id or name, or the key that they came with."""
    names = {plain_name(reader.id), plain_name(reader.name)}
    if reader.key_id is not None:
        names.add(f"key:{reader.key_id}")
    return frozenset(names)
