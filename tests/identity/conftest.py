"""A world of identity in memory: stores, a clock, an issuer whose keys are at hand."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

from befit.errors import NotFound
from befit.identity import (
    ApiKey,
    Authenticator,
    Group,
    IdentityStores,
    Issuer,
    Person,
    Subject,
    TokenVerifier,
)
from befit.identity.document_fetch import FetchFailedError

ISSUER = "https://idp.example"


class Keys:
    """A `KeyStore` in memory that counts what it is asked."""

    def __init__(self) -> None:
        self.kept: dict[str, ApiKey] = {}
        self.asked: list[str] = []
        self.gate: asyncio.Event | None = None

    async def add(self, key: ApiKey) -> None:
        self.kept[key.id] = key

    async def find(self, key_id: str) -> ApiKey | None:
        self.asked.append(key_id)
        found = self.kept.get(key_id)
        await asyncio.sleep(0)
        if self.gate is not None:
            await self.gate.wait()
        return found

    async def list(self, tenant: str) -> tuple[ApiKey, ...]:
        return tuple(key for key in self.kept.values() if key.tenant == tenant)

    async def revoke(self, tenant: str, key_id: str, *, at: float) -> ApiKey:
        self.kept[key_id] = replace(self.kept[key_id], revoked_at=at)
        return self.kept[key_id]


class People:
    """A `PeopleStore` in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, Person] = {}
        self.holders: dict[tuple[str, Subject], str] = {}

    async def add(self, person: Person) -> None:
        self.kept[person.id] = person
        self._hold(person)

    async def change(self, person: Person) -> None:
        if person.id not in self.kept:
            raise NotFound(person.id)
        self.kept[person.id] = person
        self.holders = {held: by for held, by in self.holders.items() if by != person.id}
        self._hold(person)

    async def remove(self, tenant: str, person_id: str, *, at: float) -> None:
        del self.kept[person_id]

    async def list(self, tenant: str) -> tuple[Person, ...]:
        return tuple(person for person in self.kept.values() if person.tenant == tenant)

    async def get(self, tenant: str, person_id: str) -> Person | None:
        found = self.kept.get(person_id)
        return found if found and found.tenant == tenant else None

    async def holder(self, tenant: str, subject: Subject) -> str | None:
        return self.holders.get((tenant, subject))

    def _hold(self, person: Person) -> None:
        self.holders.update({(person.tenant, each): person.id for each in person.subjects})


class Groups:
    """A `GroupStore` in memory."""

    def __init__(self) -> None:
        self.members: dict[tuple[str, str], set[str]] = {}

    async def add(self, group: Group) -> None:
        self.members[group.tenant, group.name] = set(group.members)

    async def remove(self, tenant: str, name: str) -> None:
        del self.members[tenant, name]

    async def list(self, tenant: str) -> tuple[Group, ...]:
        return tuple(
            Group(tenant=tenant, name=name, created_at=0.0, members=frozenset(members))
            for (whose, name), members in self.members.items()
            if whose == tenant
        )

    async def join(self, tenant: str, name: str, member: str) -> None:
        self.members.setdefault((tenant, name), set()).add(member)

    async def leave(self, tenant: str, name: str, member: str) -> None:
        self.members[tenant, name].discard(member)

    async def of(self, tenant: str, member: str) -> frozenset[str]:
        groups = await self.list(tenant)
        return frozenset(group.name for group in groups if member in group.members)


class Clock:
    """Wall and monotonic time of one machine; `jump` moves the wall alone."""

    def __init__(self) -> None:
        self.wall = time.time()
        self.monotonic_s = 100.0

    def __call__(self) -> float:
        return self.wall

    def monotonic(self) -> float:
        return self.monotonic_s

    def pass_(self, seconds: float) -> None:
        self.wall += seconds
        self.monotonic_s += seconds

    def jump(self, seconds: float) -> None:
        self.wall += seconds


@dataclass(frozen=True)
class Trust:
    tenants: tuple[str, ...] = ("default",)
    issuers: tuple[Issuer, ...] = ()


@dataclass
class Provider:
    """An issuer's documents, and what signs for it."""

    url: str = ISSUER
    keys: dict[str, Key] = field(default_factory=dict)
    is_down: bool = False
    asked: list[str] = field(default_factory=list)
    discovery: dict[str, Any] = field(default_factory=dict)

    def fetch(self, url: str) -> bytes:
        self.asked.append(url)
        if self.is_down:
            raise FetchFailedError(f"{url} is down")
        if url.endswith("/.well-known/openid-configuration"):
            told = {"issuer": self.url, "jwks_uri": f"{self.url}/jwks", **self.discovery}
            return json.dumps(told).encode()
        keys = [{**key.as_dict(private=False), "kid": kid} for kid, key in self.keys.items()]
        return json.dumps({"keys": keys}).encode()

    def sign(self, claims: Mapping[str, Any], *, kid: str | None = "k1", **header: Any) -> str:
        key = header.pop("key", None) or self.keys[kid or next(iter(self.keys))]
        alg = header.pop("alg", "RS256")
        named = {"kid": kid} if kid else {}
        return jwt.encode({"alg": alg, **named, **header}, dict(claims), key, [alg])


@dataclass
class World:
    """Everything an `Authenticator` stands on."""

    clock: Clock = field(default_factory=Clock)
    keys: Keys = field(default_factory=Keys)
    people: People = field(default_factory=People)
    groups: Groups = field(default_factory=Groups)
    provider: Provider = field(default_factory=Provider)
    trust: Trust = field(default_factory=Trust)

    def authenticator(self, capacity: int = 10_000) -> Authenticator:
        verifier = TokenVerifier(
            lambda: self.trust,
            fetch=self.provider.fetch,
            clock=self.clock,
            monotonic=self.clock.monotonic,
        )
        return Authenticator(
            IdentityStores(keys=self.keys, people=self.people, groups=self.groups),
            lambda: self.trust,
            tokens=verifier,
            clock=self.clock,
            monotonic=self.clock.monotonic,
            capacity=capacity,
        )

    def trusting(self, **changes: Any) -> None:
        """Believe the provider, in these words."""
        stated: dict[str, Any] = {"url": ISSUER, "audiences": frozenset({"befit"}), **changes}
        issuer = Issuer(**stated)
        self.trust = Trust(tenants=tuple({"default", issuer.tenant}), issuers=(issuer,))

    def claims(self, **changes: Any) -> dict[str, Any]:
        """The claims of a good token; None takes one away."""
        now = self.clock()
        good = {"iss": ISSUER, "sub": "mara", "aud": "befit", "exp": now + 3600, "iat": now}
        return {name: value for name, value in {**good, **changes}.items() if value is not None}


@pytest.fixture(scope="session")
def rsa() -> RSAKey:
    return RSAKey.generate_key(2048)


@pytest.fixture(scope="session")
def other_rsa() -> RSAKey:
    return RSAKey.generate_key(2048)


@pytest.fixture(scope="session")
def elliptic() -> ECKey:
    return ECKey.generate_key("P-256")


@pytest.fixture(scope="session")
def edwards() -> OKPKey:
    return OKPKey.generate_key("Ed25519")


@pytest.fixture
def world(rsa: RSAKey) -> World:
    """One key pair `k1` at the provider, which is believed for the audience `befit`."""
    made = World()
    made.provider.keys["k1"] = rsa
    made.trusting()
    return made
