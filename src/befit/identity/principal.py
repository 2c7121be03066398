"""`Principal`: who asks, once their credential is accepted."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from befit.errors import InvalidRequest
from befit.identity.naming import plain_name
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

    Raises:
        InvalidRequest: what is asserted names no user, or a group that is none.
    """
    if acting_as is None:
        return Principal(
            id=f"{_LOCAL}admin",
            name="local administrator",
            tenant=tenant,
            roles=frozenset(Role),
        )
    user, groups = _asserted(acting_as)
    return Principal(id=f"{_ASSERTED}{user}", name=user, tenant=tenant, groups=groups | {EVERYONE})


def _asserted(acting_as: str) -> tuple[str, frozenset[str]]:
    """The user and groups of `USER[:GROUP,GROUP..]`.

    A list of groups that names none is more likely a slip than somebody of no group, and who
    is denied by a group must not be missed for a slip.
    """
    user, colon, listed = acting_as.partition(":")
    groups = listed.split(",") if colon else []
    names = [plain_name(name) for name in (user, *groups)]
    if not all(name and name.isprintable() and ":" not in name for name in names):
        raise InvalidRequest(
            f"{acting_as[:80]!r} is no reader, which is written USER[:GROUP,GROUP..]",
            next_step="leave the colon out for somebody of no group" if colon else None,
            param="as",
        )
    return names[0], frozenset(names[1:])
