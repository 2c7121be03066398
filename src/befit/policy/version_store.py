"""`PolicyVersionStore`: every version of the rules that was ever in force, by its hash.

A decision names the hash it was made under, so that years later one can read the rules.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from befit.policy.ruleset import RuleSet


@dataclass(frozen=True, kw_only=True, slots=True)
class PolicyVersion:
    """One version.

    Attributes:
        content: the schema, all files and what was chosen, as JSON; `version` is its hash.
        at: when it was first in force, in Unix seconds.
    """

    version: str
    content: str
    at: float


class PolicyVersionStore(Protocol):
    """Keeps versions; `storage/` implements it. The rules are the workspace's, not a tenant's."""

    async def keep(self, rules: RuleSet) -> None:
        """Keep a version; one that is there stays as it is."""
        ...

    async def get(self, version: str) -> PolicyVersion | None:
        """One version, or None where it was never in force."""
        ...

    async def list(self) -> tuple[PolicyVersion, ...]:
        """Every version, the newest first."""
        ...
