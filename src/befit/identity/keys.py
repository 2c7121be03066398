"""API keys: issued once, kept as a hash, found by their id.

    key, text = issue_key("ci-runner", created_at=time.time(), budget_usd=Decimal(5))
    await store.add(key)
    print(text)                      # befit_<id>_<secret>: the only time it is seen

The secret has 256 random bits, so one SHA-256 is enough: there is nothing to guess that
a slow hash would protect.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from befit.errors import InvalidRequest
from befit.identity.naming import MARKS, MARKS_OF_ID, new_marks, require_name
from befit.identity.principal import Role
from befit.vocabulary import DEFAULT_TENANT, BudgetPeriod

_SECRET_BYTES = 32
_SECRET_CHARACTERS = 43  # 62**43 > 2**256
_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_LONGEST_S = 100 * 366 * 24 * 3600.0
_LEAST_USD, _MOST_USD = Decimal("0.000000001"), Decimal(1_000_000_000)
"""What a store can count: whole nano-dollars in 63 bits."""

_KEY_TEXT = re.compile(rf"befit_([{MARKS}]{{{MARKS_OF_ID}}})_([0-9A-Za-z]{{43}})")


@dataclass(frozen=True, kw_only=True, slots=True)
class ApiKey:
    """What is kept of a key. Times are Unix seconds.

    Attributes:
        id: public; stands in the key's text, in `key:ID` and in budgets.
        secret_sha256: hex of the SHA-256 of the key's whole text.
        workflows: names it is limited to; empty means all.
        budget_usd: the most it may cost per `budget_period`; None is no limit.
        expires_at: None never expires.
        person_id: whose key it is; None for a service's.
    """

    id: str
    name: str
    secret_sha256: str
    created_at: float
    tenant: str = DEFAULT_TENANT
    roles: frozenset[Role] = frozenset({Role.USER})
    workflows: frozenset[str] = frozenset()
    budget_usd: Decimal | None = None
    budget_period: BudgetPeriod = BudgetPeriod.TOTAL
    expires_at: float | None = None
    revoked_at: float | None = None
    person_id: str | None = None

    @property
    def principal_id(self) -> str:
        """Who comes with this key: its person, or the service that it stands for."""
        return self.person_id or f"key:{self.id}"

    def fault(self, now: float) -> str | None:
        """Why the key is not good at a time, as it stands after its id; None where it is."""
        if self.revoked_at is not None:
            return "has been revoked"
        if self.expires_at is not None and now >= self.expires_at:
            return "has expired"
        return None


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyGrant:
    """What a new key shall be allowed; the defaults allow asking, without limit."""

    tenant: str = DEFAULT_TENANT
    roles: frozenset[Role] = frozenset({Role.USER})
    workflows: frozenset[str] = frozenset()
    budget_usd: Decimal | None = None
    budget_period: BudgetPeriod = BudgetPeriod.TOTAL
    expires_at: float | None = None
    person_id: str | None = None


class KeyStore(Protocol):
    """Where keys are kept."""

    async def add(self, key: ApiKey) -> None:
        """Keep a new key.

        Raises:
            Conflict: its id is taken.
        """
        ...

    async def find(self, key_id: str) -> ApiKey | None:
        """The key of any tenant, revoked ones included; None where there is none."""
        ...

    async def list(self, tenant: str) -> tuple[ApiKey, ...]:
        """The tenant's keys, newest first, revoked and expired ones included."""
        ...

    async def revoke(self, tenant: str, key_id: str, *, at: float) -> ApiKey:
        """Revoke for good; the first time of revocation stays.

        Raises:
            NotFound: the tenant has no such key.
        """
        ...


def issue_key(name: str, *, created_at: float, grant: KeyGrant | None = None) -> tuple[ApiKey, str]:
    """A new key and its text, which is shown once and kept nowhere.

    Raises:
        InvalidRequest: the name, budget or expiry cannot be.
    """
    grant = grant or KeyGrant()
    _check(name, created_at, grant)
    key_id = new_marks()
    text = f"befit_{key_id}_{_base62(secrets.token_bytes(_SECRET_BYTES))}"
    key = ApiKey(
        id=key_id,
        name=name,
        secret_sha256=hashed(text),
        created_at=created_at,
        tenant=grant.tenant,
        roles=grant.roles,
        workflows=grant.workflows,
        budget_usd=grant.budget_usd,
        budget_period=grant.budget_period,
        expires_at=grant.expires_at,
        person_id=grant.person_id,
    )
    return key, text


def id_in(text: str) -> str | None:
    """The id in a key's text, or None where it has not the shape of a key."""
    match = _KEY_TEXT.fullmatch(text)
    return match[1] if match else None


def hashed(text: str) -> str:
    """What is kept in place of the key's text."""
    return hashlib.sha256(text.encode()).hexdigest()


def is_text_of(secret_sha256: str, text: str) -> bool:
    """Whether `text` is the key that was hashed; takes the same time either way."""
    return hmac.compare_digest(hashed(text), secret_sha256)


def _check(name: str, created_at: float, grant: KeyGrant) -> None:
    require_name(name, "key")
    if grant.budget_usd is not None and not _is_budget(grant.budget_usd):
        raise InvalidRequest(
            f"budget {grant.budget_usd} USD is neither 0 nor from {_LEAST_USD} to {_MOST_USD}",
            param="budget_usd",
        )
    if grant.expires_at is not None and not 0 < grant.expires_at - created_at <= _LONGEST_S:
        raise InvalidRequest(
            "a key expires after it is issued and within 100 years; leave it out for a key "
            "without an end",
            param="expires_at",
        )
    if not grant.roles:
        raise InvalidRequest("a key needs at least one role", param="roles")


def _is_budget(usd: Decimal) -> bool:
    return usd.is_finite() and (usd == 0 or _LEAST_USD <= usd <= _MOST_USD)


def _base62(raw: bytes) -> str:
    number = int.from_bytes(raw)
    characters: list[str] = []
    for _ in range(_SECRET_CHARACTERS):
        number, digit = divmod(number, 62)
        characters.append(_BASE62[digit])
    return "".join(characters)
