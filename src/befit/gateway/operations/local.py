"""The principal of a command: the local administrator of one tenant."""

from __future__ import annotations

from befit.errors import InvalidRequest, nearest
from befit.identity import Principal, local_administrator
from befit.platform import Platform


def local_principal(platform: Platform, tenant: str, acting_as: str | None) -> Principal:
    """Who a command acts as, in a tenant that there is.

    Raises:
        InvalidRequest: there is no such tenant, with the nearest one.
    """
    tenants = platform.settings.identity.tenants
    if tenant not in tenants:
        raise InvalidRequest(
            f"no tenant {tenant[:80]!r}",
            next_step=nearest(tenant, tenants) or f"tenants are {', '.join(tenants)}",
            param="tenant",
        )
    return local_administrator(acting_as=acting_as, tenant=tenant)
