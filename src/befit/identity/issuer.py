"""`Issuer`: an identity provider whose tokens are believed, and what they are believed for."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from befit.identity.directory import Subject
from befit.identity.principal import Role
from befit.vocabulary import DEFAULT_TENANT

ALGORITHMS = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
)  # fmt: skip
"""Every algorithm that may sign a token: asymmetric ones, so that what verifies cannot sign."""

_MARK_BYTES = 6


@dataclass(frozen=True, kw_only=True, slots=True)
class Issuer:
    """One identity provider, as `identity.issuers` of `befit.yaml` names it.

    Attributes:
        url: equal to the tokens' `iss`, sign by sign.
        audiences: a token must be meant for one of them.
        tenant: whose principals its subjects are; an issuer speaks for one tenant.
        jwks_uri: where its keys are; None asks its discovery document.
        clock_skew_s: how far its clock and ours may differ.
        groups_claim: the claim that lists its groups; `a.b` also reads `b` within `a`.
        name_claim: the claim that holds what people are called; None takes `sub`.
        groups: its groups to ours; what is not listed gives no group.
        roles: its groups to roles.
    """

    url: str
    audiences: frozenset[str]
    tenant: str = DEFAULT_TENANT
    jwks_uri: str | None = None
    algorithms: frozenset[str] = frozenset(ALGORITHMS)
    clock_skew_s: float = 60.0
    groups_claim: str = "groups"
    name_claim: str | None = None
    groups: Mapping[str, str] = field(default_factory=dict[str, str], hash=False)
    roles: Mapping[str, Role] = field(default_factory=dict[str, Role], hash=False)

    @property
    def discovery_url(self) -> str:
        """Where its discovery document is (OpenID Connect Discovery, section 4)."""
        return f"{self.url.rstrip('/')}/.well-known/openid-configuration"


def token_principal_id(subject: Subject) -> str:
    """The id of a token's holder whom the directory does not know: `oidc:MARK:SUB`.

    The mark is a short hash of the issuer, for two issuers may use the same subject.
    """
    return f"{issuer_prefix(subject.issuer)}{subject.sub}"


def issuer_prefix(url: str) -> str:
    """What the ids of an issuer's token holders begin with: `oidc:MARK:`."""
    return f"oidc:{hashlib.blake2b(url.encode(), digest_size=_MARK_BYTES).hexdigest()}:"
