"""`Standpoint`: as whom a command acts, in which tenant."""

from __future__ import annotations

from dataclasses import dataclass

import click

from befit.vocabulary import DEFAULT_TENANT

TENANT = "befit.tenant"
"""Where the group of commands leaves the tenant that `--tenant` names."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Standpoint:
    """The local administrator of a tenant, or the reader that it asserts."""

    tenant: str = DEFAULT_TENANT
    acting_as: str | None = None


def standpoint(acting_as: str | None = None) -> Standpoint:
    """The standpoint of the command that runs now."""
    context = click.get_current_context(silent=True)
    tenant: str = context.meta.get(TENANT, DEFAULT_TENANT) if context else DEFAULT_TENANT
    return Standpoint(tenant=tenant, acting_as=acting_as)
