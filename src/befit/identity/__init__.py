"""Who asks: principals, tenants, people, groups, API keys and the tokens of issuers."""

from befit.identity.authenticator import REMEMBER_S, Authenticator
from befit.identity.directory import (
    Group,
    GroupStore,
    PeopleStore,
    Person,
    Subject,
    checked_person,
    new_group,
    new_person,
)
from befit.identity.issuer import ALGORITHMS, Issuer, issuer_prefix
from befit.identity.keys import ApiKey, KeyGrant, KeyStore, issue_key
from befit.identity.naming import plain_name, require_name
from befit.identity.principal import EVERYONE, Principal, Role, local_administrator
from befit.identity.recognition import IdentityStores, principal_of_key
from befit.identity.token_verifier import TokenVerifier, Trusted

__all__ = [
    "ALGORITHMS",
    "EVERYONE",
    "REMEMBER_S",
    "ApiKey",
    "Authenticator",
    "Group",
    "GroupStore",
    "IdentityStores",
    "Issuer",
    "KeyGrant",
    "KeyStore",
    "PeopleStore",
    "Person",
    "Principal",
    "Role",
    "Subject",
    "TokenVerifier",
    "Trusted",
    "checked_person",
    "issue_key",
    "issuer_prefix",
    "local_administrator",
    "new_group",
    "new_person",
    "plain_name",
    "principal_of_key",
    "require_name",
]
