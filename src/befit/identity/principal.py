"""`Principal`: who asks, once their credential is accepted."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from befit.vocabulary import DEFAULT_TENANT, BudgetPeriod

EVERYONE = "everyone"
"""The group that holds every authenticated principal of a tenant."""


class Role(StrEnum):
    """What a principal may do beside asking."""

    USER = "user"
    REVIEWER = "reviewer"
    ADMIN = "admin"


@dataclass(frozen=True, kw_only=True, slots=True)
class Principal:
    """An authenticated person or service.

    Attributes:
        id: stable id, such as `key:K1A2` or `local:admin`.
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


def local_administrator(*, acting_as: str | None = None) -> Principal:
    """The principal of the command line: who can open the workspace's files owns it.

    `acting_as` is `USER[:GROUP,GROUP..]`: the asserted reader, without any role.
    """
    if acting_as is None:
        return Principal(id="local:admin", name="local administrator", roles=frozenset(Role))
    user, _, groups = acting_as.partition(":")
    return Principal(
        id=f"local:{user}",
        name=user,
        groups=frozenset({EVERYONE, *filter(None, groups.split(","))}),
    )
