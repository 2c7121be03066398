"""The section `identity` of `befit.yaml`: tenants, and whose tokens are believed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated

from pydantic import AfterValidator, Field

from befit.catalog import Document, Entry, Name, Problem, is_loopback, url_fault
from befit.errors import nearest
from befit.identity import ALGORITHMS, Issuer, Role
from befit.vocabulary import DEFAULT_TENANT


@dataclass(frozen=True, kw_only=True, slots=True)
class IdentitySettings:
    """Who may be told apart here.

    Attributes:
        tenants: every tenant of the workspace; `default` is always one.
        issuers: the identity providers whose tokens are believed; none by default.
    """

    tenants: tuple[str, ...] = (DEFAULT_TENANT,)
    issuers: tuple[Issuer, ...] = ()


def _checked_url(url: str) -> str:
    fault = url_fault(url)
    if fault:
        raise ValueError(fault)
    if not url.startswith("https://") and not is_loopback(url):
        raise ValueError("tokens are believed over https only, apart from this machine itself")
    return url


Url = Annotated[str, AfterValidator(_checked_url)]
GroupName = Annotated[str, Field(pattern=r"^[^\s/:,_][^\s/:,]{0,62}$")]


def _checked_algorithm(name: str) -> str:
    if name not in ALGORITHMS:
        raise ValueError(f"only what verifies but cannot sign: {', '.join(ALGORITHMS)}")
    return name


Algorithm = Annotated[str, AfterValidator(_checked_algorithm)]


class IssuerEntry(Entry):
    """One identity provider under `issuers`."""

    issuer: Url
    audience: Annotated[str, Field(min_length=1)] | Annotated[list[str], Field(min_length=1)]
    tenant: Name = DEFAULT_TENANT
    jwks_uri: Url | None = None
    algorithms: Annotated[tuple[Algorithm, ...], Field(min_length=1)] = ALGORITHMS
    clock_skew_s: Annotated[float, Field(ge=0, le=300)] = 60
    groups_claim: Annotated[str, Field(min_length=1)] = "groups"
    name_claim: Annotated[str, Field(min_length=1)] | None = None
    groups: dict[str, GroupName] = Field(default_factory=dict[str, GroupName])
    roles: dict[str, Role] = Field(default_factory=dict[str, Role])

    def value(self) -> Issuer:
        """The entry as a value."""
        audiences = [self.audience] if isinstance(self.audience, str) else self.audience
        return Issuer(
            url=self.issuer,
            audiences=frozenset(audiences),
            tenant=self.tenant,
            jwks_uri=self.jwks_uri,
            algorithms=frozenset(self.algorithms),
            clock_skew_s=self.clock_skew_s,
            groups_claim=self.groups_claim,
            name_claim=self.name_claim,
            groups=MappingProxyType(self.groups),
            roles=MappingProxyType(self.roles),
        )


class IdentityEntry(Entry):
    """The keys of the section."""

    tenants: list[Name] = Field(default_factory=list[Name])
    issuers: list[IssuerEntry] = Field(default_factory=list[IssuerEntry])

    def settings(self) -> IdentitySettings:
        """The section as a value."""
        return IdentitySettings(
            tenants=tuple(dict.fromkeys((DEFAULT_TENANT, *self.tenants))),
            issuers=tuple(entry.value() for entry in self.issuers),
        )


def identity_problems(settings: IdentitySettings, document: Document) -> Iterator[Problem]:
    """What is wrong with the section as a whole, though each entry is well written."""
    times = Counter(issuer.url for issuer in settings.issuers)
    for place, issuer in enumerate(settings.issuers):
        at = ("identity", "issuers", place)
        if issuer.tenant not in settings.tenants:
            hint = nearest(issuer.tenant, settings.tenants) or "name it under identity.tenants"
            what = f"unknown tenant {issuer.tenant!r}"
            yield document.problem(what, (*at, "tenant"), next_step=hint)
        if times[issuer.url] > 1:
            times[issuer.url] = 0  # one mistake makes one problem
            step = "an issuer speaks for one tenant; list its audiences in one entry"
            yield document.problem("an issuer named twice", (*at, "issuer"), next_step=step)
