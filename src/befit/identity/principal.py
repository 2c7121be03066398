"""`Principal`: who asks, once their credential is accepted."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from befit.vocabulary import DEFAULT_TENANT, BudgetPeriod

EVERYONE = "everyone"
"""The group that holds every authenticated principal of a tenant."""

_LOCAL = "local:"
_ASSERTED = "as:"  # whatever name is asserted, it is nobody's own id


class Role(StrEnum):
    """What a principal is there for. A role adds to no other; policy says what it may do.

    A `user` asks; a `builder` makes workflows, evaluates and trains; a `reviewer` decides on
    answers and effects; an `auditor` reads every account and exports it; an `admin` keeps
    keys, people, models and policy.
    """

    USER = "user"
    BUILDER = "builder"
    REVIEWER = "reviewer"
    AUDITOR = "auditor"
    ADMIN = "admin"


@dataclass(frozen=True, kw_only=True, slots=True)
class Principal:
    """An authenticated person or service.

    Attributes:
        id: stable id, such as `person:P3Q4`, `key:K1A2`, `oidc:MARK:SUB`,
            `local:admin` or, asserted by the local administrator, `as:mara`.
        name: what people call it.
        key_id: the API key it came with; budgets and usage hang on it.
        workflows: names it is limited to; empty means all.
        budget_usd: the most its key may cost per `budget_period`; None is no limit.
    """

    id: str
    name: str
    tenant: str = DEFAULT_TENANT
    roles: frozenset[Role] = frozenset({Role.USER})
    groups: frozenset[str] = frozenset({EVERYONE})
    key_id: str | None = None
    workflows: frozenset[str] = frozenset()
    budget_usd: Decimal | None = None
    budget_period: BudgetPeriod = BudgetPeriod.TOTAL

    @property
    def is_admin(self) -> bool:
        """Whether it may change the workspace: keys, models, policy."""
        return Role.ADMIN in self.roles

    @property
    def spends_as(self) -> str | None:
        """The budget scope that its own spending counts in; None for who owns the workspace."""
        if self.key_id is not None:
            return f"key:{self.key_id}"
        return None if self.id.startswith((_LOCAL, _ASSERTED)) else self.id


def local_administrator(*, acting_as: str | None = None, tenant: str = DEFAULT_TENANT) -> Principal:
    """The principal of the command line: who can open the workspace's files owns it.

    `acting_as` is `USER[:GROUP,GROUP..]`: the asserted reader, with the role of a
    user alone.
    """
    if acting_as is None:
        return Principal(
            id=f"{_LOCAL}admin",
            name="local administrator",
            tenant=tenant,
            roles=frozenset(Role),
        )
    user, _, groups = acting_as.partition(":")
    return Principal(
        id=f"{_ASSERTED}{user}",
        name=user,
        tenant=tenant,
        groups=frozenset({EVERYONE, *filter(None, groups.split(","))}),
    )
