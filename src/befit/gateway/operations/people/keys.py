"""Operations on API keys: create, list, revoke. For administrators."""

from __future__ import annotations

import time
from collections.abc import Mapping
from decimal import Decimal
from typing import Literal

from befit.errors import Conflict, InvalidRequest, NotFound, nearest
from befit.gateway.operations.administration import record_administrative
from befit.gateway.operations.entitled import require
from befit.gateway.operations.operation import NoParams, OpDocument, OpParams, operation
from befit.gateway.operations.people.directory import find_person, in_effect, names_of_members
from befit.identity import ApiKey, KeyGrant, Person, Principal, Role, issue_key
from befit.platform import Platform
from befit.policy import Action
from befit.vocabulary import BudgetPeriod


class NewKey(OpParams, frozen=True, kw_only=True):
    """A key to be made. Without a budget the workspace's default limit for keys binds it.

    `groups` are for services; a key of a `person` (name or id) carries the person's groups,
    and of the person's roles those that it is given.
    """

    name: str
    roles: tuple[Role, ...] = (Role.USER,)
    workflows: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    person: str | None = None
    budget_usd: Decimal | None = None
    budget_period: Literal["total", "day", "month"] = "total"
    expires_in_s: float | None = None


class KeyId(OpParams, frozen=True, kw_only=True):
    """One key, by the id that `keys.list` shows."""

    id: str


class KeyDocument(OpDocument, frozen=True, kw_only=True):
    """What is known of a key; its secret is not. `person` is its person's name."""

    id: str
    name: str
    roles: tuple[str, ...]
    workflows: tuple[str, ...]
    groups: tuple[str, ...]
    person: str | None
    budget_usd: Decimal | None
    budget_period: str
    created_at: float
    expires_at: float | None
    revoked_at: float | None


class CreatedKey(KeyDocument, frozen=True, kw_only=True):
    """A new key with its text (contract), which is shown this once."""

    key: str


class KeyList(OpDocument, frozen=True, kw_only=True):
    """The tenant's keys, newest first."""

    keys: tuple[KeyDocument, ...]


async def create_key(platform: Platform, principal: Principal, params: NewKey) -> CreatedKey:
    """Make a key. The ledger records who made it, for whom and with which rights.

    Raises:
        Forbidden: the principal is no administrator.
        NotFound: the tenant has no such workflow, group or person.
        InvalidRequest: the name, a role, the budget or the expiry cannot be.
    """
    require(platform, principal, Action.ADMINISTER, "create keys")
    catalog = platform.catalog.current.of(principal.tenant)
    for workflow in params.workflows:
        catalog.find_workflow(workflow)
    await _require_groups(platform, principal.tenant, params.groups)
    person = await _owner(platform, principal.tenant, params)
    key, text = issue_key(
        params.name, created_at=time.time(), grant=_grant(principal, params, person)
    )
    told = {
        "name": key.name,
        "roles": tuple(sorted(key.roles)),
        "workflows": tuple(sorted(key.workflows)),
        "groups": tuple(sorted(params.groups)),
        "person": key.person_id,
    }
    # Recorded first: a key that nobody has is harmless, one that nothing records is not.
    await record_administrative(
        platform, principal, action="key_created", subject=f"key:{key.id}", told=told
    )
    await in_effect(platform, _keep(platform, key, params.groups))
    names = {person.id: person.name} if person else {}
    document = _told(key, names, tuple(sorted(params.groups)))
    fields = {name: getattr(document, name) for name in KeyDocument.__struct_fields__}
    return CreatedKey(**fields, key=text)


async def list_keys(platform: Platform, principal: Principal, params: NoParams) -> KeyList:
    """All keys of the tenant, revoked and expired ones included."""
    del params
    require(platform, principal, Action.ADMINISTER, "list keys")
    names = await names_of_members(platform, principal.tenant)
    groups = await platform.stores.groups.list(principal.tenant)
    return KeyList(
        keys=tuple(
            _told(
                key,
                names,
                tuple(group.name for group in groups if key.principal_id in group.members),
            )
            for key in await platform.stores.keys.list(principal.tenant)
        )
    )


async def revoke_key(platform: Platform, principal: Principal, params: KeyId) -> KeyDocument:
    """Revoke a key for good; the next request with it is refused.

    Raises:
        Forbidden: the principal is no administrator.
        NotFound: the tenant has no such key.
    """
    require(platform, principal, Action.ADMINISTER, "revoke keys")
    tenant = principal.tenant
    revoking = platform.stores.keys.revoke(tenant, params.id, at=time.time())
    key = await in_effect(platform, revoking)
    # Done first: a key must stop also where nothing can be recorded.
    await record_administrative(
        platform, principal, action="key_revoked", subject=f"key:{key.id}", told={"name": key.name}
    )
    groups = await platform.stores.groups.of(tenant, key.principal_id)
    return _told(key, await names_of_members(platform, tenant), tuple(sorted(groups)))


async def _keep(platform: Platform, key: ApiKey, groups: tuple[str, ...]) -> None:
    for group in groups:
        await platform.stores.groups.join(key.tenant, group, key.principal_id)
    await platform.stores.keys.add(key)


async def _require_groups(platform: Platform, tenant: str, wanted: tuple[str, ...]) -> None:
    known = [group.name for group in await platform.stores.groups.list(tenant)] if wanted else []
    for name in wanted:
        if name not in known:
            raise NotFound(
                f"no group {name[:200]!r}",
                next_step=nearest(name, known) or "add it with befit groups add NAME",
                param="groups",
            )


async def _owner(platform: Platform, tenant: str, params: NewKey) -> Person | None:
    """Whose key it will be, where it is to be somebody's."""
    if params.person is None:
        return None
    person = await find_person(platform, tenant, params.person)
    if params.groups:
        raise InvalidRequest(
            "a person's key carries the person's groups",
            next_step=f"befit groups add-member GROUP {person.name}",
            param="groups",
        )
    if person.disabled_at is not None:
        raise Conflict(
            f"{person.name} is disabled", next_step=f"befit people enable {person.name} first"
        )
    lacking = sorted(set(params.roles) - person.roles)
    if lacking:
        raise InvalidRequest(
            f"{person.name} has not the role {lacking[0]}, so no key of theirs has",
            next_step=f"befit people set {person.name} --role ..",
            param="roles",
        )
    return person


def _grant(principal: Principal, params: NewKey, person: Person | None) -> KeyGrant:
    if params.expires_in_s is not None and params.expires_in_s <= 0:
        raise InvalidRequest("the key would expire before it is issued", param="expires_in_s")
    lasts_s = params.expires_in_s
    return KeyGrant(
        tenant=principal.tenant,
        roles=frozenset(params.roles),
        workflows=frozenset(params.workflows),
        budget_usd=params.budget_usd,
        budget_period=BudgetPeriod(params.budget_period),
        expires_at=None if lasts_s is None else time.time() + lasts_s,
        person_id=person.id if person else None,
    )


def _told(key: ApiKey, names: Mapping[str, str], groups: tuple[str, ...]) -> KeyDocument:
    return KeyDocument(
        id=key.id,
        name=key.name,
        roles=tuple(sorted(key.roles)),
        workflows=tuple(sorted(key.workflows)),
        groups=groups,
        person=None if key.person_id is None else names.get(key.person_id, key.person_id),
        budget_usd=key.budget_usd,
        budget_period=key.budget_period,
        created_at=key.created_at,
        expires_at=key.expires_at,
        revoked_at=key.revoked_at,
    )


OPERATIONS = (
    operation("keys.create", NewKey, create_key),
    operation("keys.list", NoParams, list_keys),
    operation("keys.revoke", KeyId, revoke_key),
)
