"""`SealingKey`: a tenant's own key, made once on disk and never silently again.

It wraps the tenant's data keys and seals what belongs to no data subject.

`.befit/tenants` names every tenant whose key was ever made here, one a line. A tenant that
is configured for the first time gets a key whatever data others have; a known one whose
key is gone never gets another silently, because a new key would hide the loss.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from befit.audit.durable import replace_file
from befit.audit.key_files import broken_key, read_key, write_key
from befit.vocabulary import DEFAULT_TENANT

KEY_BYTES = 32
_MARK_BYTES = 8
_PREFIX = "tenant-"


class BoxError(ValueError):
    """A box is cut, changed, or was sealed for another tenant or purpose."""


class KeyDestroyedError(LookupError):
    """The key that sealed a box is not among the keys: what it held is erased."""

    def __init__(self, key_id: str) -> None:
        super().__init__(f"the key {key_id} is not here; what it sealed cannot be read")
        self.key_id = key_id


@dataclass(frozen=True, kw_only=True, slots=True)
class SealingKey:
    """A tenant's key. `key_id` is its name and a short hash, so a swapped key is seen."""

    tenant: str
    secret: bytes = field(repr=False)

    @property
    def key_id(self) -> str:
        """The name boxes carry: which key sealed them."""
        mark = hashlib.blake2b(self.secret, digest_size=4, person=b"befit-key-id")
        return f"tenant-{self.tenant}:{mark.hexdigest()}"

    @property
    def mark(self) -> bytes:
        """8 bytes that tell this key from another without telling anything of it."""
        mark = hashlib.blake2b(self.secret, digest_size=_MARK_BYTES, person=b"befit-key-mark")
        return mark.digest()

    def derived(self, person: bytes) -> bytes:
        """A key for one use of this one (keyed BLAKE2b, RFC 7693, as a PRF)."""
        return hashlib.blake2b(key=self.secret, digest_size=KEY_BYTES, person=person).digest()


def make_tenant_keys(befit: Path, tenants: tuple[str, ...], *, has_data: bool) -> None:
    """Make the keys of tenants that have none and never had one; note them as known.

    Raises:
        OSError: a key could not be made durable.
    """
    # Without data nothing was sealed for anybody yet, and every key may be made anew.
    known = known_tenants(befit) if has_data else frozenset[str]()
    for tenant in tenants:
        if tenant not in known:
            write_key(_path(befit, tenant), secrets.token_bytes(KEY_BYTES))
    if not known.issuperset(tenants):
        # After the keys: a crash in between leaves keys that the next start notes.
        named = sorted(known.union(tenants))
        replace_file(befit / "tenants", "\n".join((*named, "")), log="tenants")


def known_tenants(befit: Path) -> frozenset[str]:
    """Every tenant whose key was ever made here, also where nobody configures it any more."""
    try:
        return frozenset((befit / "tenants").read_text().split())
    except FileNotFoundError:
        return frozenset({DEFAULT_TENANT})  # data of before tenants were noted


def load_tenant_keys(befit: Path, tenants: tuple[str, ...] = ()) -> dict[str, SealingKey]:
    """Every tenant's key that is there, and those of `tenants` without fail.

    Raises:
        WorkspaceError: a key is missing, readable by others, or broken.
    """
    found = (befit / "keys").glob(f"{_PREFIX}*.key")
    names = {path.stem.removeprefix(_PREFIX) for path in found}
    return {tenant: _load(befit, tenant) for tenant in sorted(names.union(tenants))}


def read_secret(path: Path) -> bytes:
    """A secret of `KEY_BYTES` from its file.

    Raises:
        WorkspaceError: it is missing, readable by others, or of another length.
    """
    secret = read_key(path)
    if len(secret) != KEY_BYTES:
        raise broken_key(path, f"{len(secret)} bytes instead of {KEY_BYTES}")
    return secret


def _load(befit: Path, tenant: str) -> SealingKey:
    return SealingKey(tenant=tenant, secret=read_secret(_path(befit, tenant)))


def _path(befit: Path, tenant: str) -> Path:
    return befit / "keys" / f"{_PREFIX}{tenant}.key"
