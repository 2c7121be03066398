"""Who asks: principals, tenants, groups and API keys."""

from befit.identity.authenticator import REMEMBER_S, Authenticator
from befit.identity.keys import ApiKey, KeyGrant, KeyStore, issue_key
from befit.identity.principal import EVERYONE, Principal, Role, local_administrator

__all__ = [
    "EVERYONE",
    "REMEMBER_S",
    "ApiKey",
    "Authenticator",
    "KeyGrant",
    "KeyStore",
    "Principal",
    "Role",
    "issue_key",
    "local_administrator",
]
