"""Operations on groups: named sets of people, keys and holders of tokens."""

from __future__ import annotations

import time

from befit.errors import NotFound, nearest
from befit.gateway.operations.administration import record_administrative
from befit.gateway.operations.entitled import require
from befit.gateway.operations.operation import NoParams, OpDocument, OpParams, operation
from befit.gateway.operations.people.directory import find_member, in_effect, names_of_members
from befit.identity import Group, Principal, new_group
from befit.platform import Platform
from befit.policy import Action


class NewGroup(OpParams, frozen=True, kw_only=True):
    """A group to be added, empty."""

    name: str
    description: str = ""


class GroupNamed(OpParams, frozen=True, kw_only=True):
    """One group, by name."""

    name: str


class Membership(OpParams, frozen=True, kw_only=True):
    """Who joins or leaves which group: a person's name or id, `key:ID`, or a token's id."""

    name: str
    member: str


class MemberDocument(OpDocument, frozen=True, kw_only=True):
    """One member; `name` is a person's, and None for keys and holders of tokens."""

    id: str
    name: str | None


class GroupDocument(OpDocument, frozen=True, kw_only=True):
    """One group with its members."""

    name: str
    description: str
    created_at: float
    members: tuple[MemberDocument, ...]


class GroupList(OpDocument, frozen=True, kw_only=True):
    """The tenant's groups, by name. `everyone` is none of them: it holds every principal."""

    groups: tuple[GroupDocument, ...]


async def add_group(platform: Platform, principal: Principal, params: NewGroup) -> GroupDocument:
    """Add a group without members.

    Raises:
        Forbidden: the principal is no administrator.
        InvalidRequest: the name cannot be.
        Conflict: there is one of that name.
    """
    require(platform, principal, Action.ADMINISTER, "add groups")
    group = new_group(
        params.name,
        tenant=principal.tenant,
        created_at=time.time(),
        description=params.description,
    )
    await _record(platform, principal, "group_added", group.name)
    await in_effect(platform, platform.stores.groups.add(group))
    return _told(group, {})


async def list_groups(platform: Platform, principal: Principal, params: NoParams) -> GroupList:
    """Every group of the tenant."""
    del params
    require(platform, principal, Action.ADMINISTER, "list groups")
    names = await names_of_members(platform, principal.tenant)
    groups = await platform.stores.groups.list(principal.tenant)
    return GroupList(groups=tuple(_told(group, names) for group in groups))


async def show_group(platform: Platform, principal: Principal, params: GroupNamed) -> GroupDocument:
    """One group.

    Raises:
        Forbidden: the principal is no administrator.
        NotFound: the tenant has no such group.
    """
    require(platform, principal, Action.ADMINISTER, "see groups")
    group = await _find(platform, principal.tenant, params.name)
    return _told(group, await names_of_members(platform, principal.tenant))


async def add_member(platform: Platform, principal: Principal, params: Membership) -> GroupDocument:
    """Make somebody a member; it counts for their next request.

    Raises:
        Forbidden: the principal is no administrator.
        NotFound: the tenant has no such group, person or key.
    """
    require(platform, principal, Action.ADMINISTER, "change groups")
    group = await _find(platform, principal.tenant, params.name)
    member = await find_member(platform, principal.tenant, params.member)
    await _record(platform, principal, "group_joined", group.name, member=member)
    await in_effect(platform, platform.stores.groups.join(group.tenant, group.name, member))
    return await show_group(platform, principal, GroupNamed(name=group.name))


async def remove_member(
    platform: Platform, principal: Principal, params: Membership
) -> GroupDocument:
    """End a membership; it counts for their next request.

    Raises:
        Forbidden: the principal is no administrator.
        NotFound: the tenant has no such group, or nobody of that name is in it.
    """
    require(platform, principal, Action.ADMINISTER, "change groups")
    group = await _find(platform, principal.tenant, params.name)
    member = params.member
    if member not in group.members:  # also who is no principal any more can be taken out
        member = await find_member(platform, principal.tenant, member)
    await _record(platform, principal, "group_left", group.name, member=member)
    await in_effect(platform, platform.stores.groups.leave(group.tenant, group.name, member))
    return await show_group(platform, principal, GroupNamed(name=group.name))


async def remove_group(
    platform: Platform, principal: Principal, params: GroupNamed
) -> GroupDocument:
    """Forget a group; nobody is in it any more.

    Raises:
        Forbidden: the principal is no administrator.
        NotFound: the tenant has no such group.
    """
    require(platform, principal, Action.ADMINISTER, "remove groups")
    group = await _find(platform, principal.tenant, params.name)
    await _record(platform, principal, "group_removed", group.name)
    await in_effect(platform, platform.stores.groups.remove(group.tenant, group.name))
    return _told(group, await names_of_members(platform, principal.tenant))


async def _find(platform: Platform, tenant: str, name: str) -> Group:
    groups = await platform.stores.groups.list(tenant)
    found = next((group for group in groups if group.name == name), None)
    if found is None:
        hint = nearest(name, [group.name for group in groups])
        raise NotFound(
            f"no group {name[:200]!r}", next_step=hint or "list them with befit groups list"
        )
    return found


async def _record(
    platform: Platform, principal: Principal, action: str, group: str, *, member: str | None = None
) -> None:
    told = {} if member is None else {"member": member}
    subject = f"group:{group}"
    await record_administrative(platform, principal, action=action, subject=subject, told=told)


def _told(group: Group, names: dict[str, str]) -> GroupDocument:
    return GroupDocument(
        name=group.name,
        description=group.description,
        created_at=group.created_at,
        members=tuple(
            MemberDocument(id=member, name=names.get(member)) for member in sorted(group.members)
        ),
    )


OPERATIONS = (
    operation("groups.add", NewGroup, add_group),
    operation("groups.list", NoParams, list_groups),
    operation("groups.show", GroupNamed, show_group),
    operation("groups.add_member", Membership, add_member),
    operation("groups.remove_member", Membership, remove_member),
    operation("groups.remove", GroupNamed, remove_group),
)
