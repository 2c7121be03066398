"""Operations on API keys: create, list, revoke. For administrators."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Literal

from befit.errors import InvalidRequest
from befit.gateway.operations.administration import record_administrative
from befit.gateway.operations.entitled import require_admin
from befit.gateway.operations.operation import NoParams, OpDocument, OpParams
from befit.identity import ApiKey, KeyGrant, Principal, Role, issue_key
from befit.platform import Platform
from befit.vocabulary import BudgetPeriod


class NewKey(OpParams, frozen=True, kw_only=True):
    """A key to be made. Without a budget the workspace's default limit for keys binds it."""

    name: str
    roles: tuple[Literal["user", "reviewer", "admin"], ...] = ("user",)
    workflows: tuple[str, ...] = ()
    budget_usd: Decimal | None = None
    budget_period: Literal["total", "day", "month"] = "total"
    expires_in_s: float | None = None


class KeyId(OpParams, frozen=True, kw_only=True):
    """One key, by the id that `keys.list` shows."""

    id: str


class KeyDocument(OpDocument, frozen=True, kw_only=True):
    """What is known of a key; its secret is not."""

    id: str
    name: str
    roles: tuple[str, ...]
    workflows: tuple[str, ...]
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
        InvalidRequest: the name, a workflow, the budget or the expiry cannot be.
    """
    require_admin(principal, "create keys")
    catalog = platform.catalog.current
    for workflow in params.workflows:
        catalog.find_workflow(workflow)
    now = time.time()
    if params.expires_in_s is not None and params.expires_in_s <= 0:
        raise InvalidRequest("the key would expire before it is issued", param="expires_in_s")
    grant = KeyGrant(
        tenant=principal.tenant,
        roles=frozenset(Role(role) for role in params.roles),
        workflows=frozenset(params.workflows),
        budget_usd=params.budget_usd,
        budget_period=BudgetPeriod(params.budget_period),
        expires_at=None if params.expires_in_s is None else now + params.expires_in_s,
    )
    key, text = issue_key(params.name, created_at=now, grant=grant)
    document = key_document(key)
    told = {"name": key.name, "roles": document.roles, "workflows": document.workflows}
    # Recorded first: a key that nobody has is harmless, one that nothing records is not.
    await record_administrative(
        platform, principal, action="key_created", subject=f"key:{key.id}", told=told
    )
    await platform.stores.keys.add(key)
    fields = {name: getattr(document, name) for name in KeyDocument.__struct_fields__}
    return CreatedKey(**fields, key=text)


async def list_keys(platform: Platform, principal: Principal, params: NoParams) -> KeyList:
    """All keys of the tenant, revoked and expired ones included."""
    del params
    require_admin(principal, "list keys")
    keys = await platform.stores.keys.list(principal.tenant)
    return KeyList(keys=tuple(key_document(key) for key in keys))


async def revoke_key(platform: Platform, principal: Principal, params: KeyId) -> KeyDocument:
    """Revoke a key for good; the next request with it is refused.

    Raises:
        Forbidden: the principal is no administrator.
        NotFound: the tenant has no such key.
    """
    require_admin(principal, "revoke keys")
    key = await platform.stores.keys.revoke(principal.tenant, params.id, at=time.time())
    platform.authenticator.forget(key.id)
    await record_administrative(
        platform, principal, action="key_revoked", subject=f"key:{key.id}", told={"name": key.name}
    )
    return key_document(key)


def key_document(key: ApiKey) -> KeyDocument:
    """A key without its secret."""
    return KeyDocument(
        id=key.id,
        name=key.name,
        roles=tuple(sorted(key.roles)),
        workflows=tuple(sorted(key.workflows)),
        budget_usd=key.budget_usd,
        budget_period=key.budget_period,
        created_at=key.created_at,
        expires_at=key.expires_at,
        revoked_at=key.revoked_at,
    )
