"""`Sealer`: encrypts what lies outside the log, under a key that can be destroyed.

    box = sealer.seal("default", "approval", payload)
    sealer.open("default", "approval", box)      # the payload; KeyDestroyedError without its key

A box is AES-256-GCM with tenant and purpose as associated data, so it opens only where
it was made for:

    1 | len(key id) | key id | 16 bytes salt | 12 bytes nonce | ciphertext and tag

Each process derives a key of its own from the tenant's key and a random salt (keyed
BLAKE2b, RFC 7693, as a pseudorandom function) and counts its nonces. Random nonces
under the tenant's key itself would reach the birthday bound of NIST SP 800-38D (2^32
messages) within days at the gateway's rate.
"""

from __future__ import annotations

import hashlib
import itertools
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from befit.errors import WorkspaceError

KEY_BYTES = 32
_VERSION = 1
_SALT_BYTES = 16
_NONCE_BYTES = 12
_MOST_SESSIONS = 256


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


class _Session:
    """The derived key that this process seals with for one tenant."""

    def __init__(self, key: SealingKey) -> None:
        salt = secrets.token_bytes(_SALT_BYTES)
        self.cipher = AESGCM(_derive(key.secret, salt))
        self.prefix = _prefix(key.key_id) + salt
        self.key_id = key.key_id
        self.next_nonce = itertools.count().__next__  # atomic under the GIL


class Sealer:
    """Seals and opens boxes with the tenants' keys. Safe from several threads."""

    def __init__(self, keys: Mapping[str, SealingKey]) -> None:
        self._secrets = {key.key_id: key.secret for key in keys.values()}
        self._sessions = {tenant: _Session(key) for tenant, key in keys.items()}
        self._openers: dict[bytes, AESGCM] = {}
        self._associated: dict[tuple[str, str], bytes] = {}

    def key_id(self, tenant: str) -> str:
        """The id of the key that seals for a tenant now.

        Raises:
            WorkspaceError: where the tenant has none.
        """
        return self._session(tenant).key_id

    def seal(self, tenant: str, purpose: str, plain: bytes) -> bytes:
        """A box that opens for the same tenant and purpose only.

        Raises:
            WorkspaceError: where the tenant has no key.
        """
        session = self._session(tenant)
        nonce = session.next_nonce().to_bytes(_NONCE_BYTES)
        sealed = session.cipher.encrypt(nonce, plain, self._associated_data(tenant, purpose))
        return session.prefix + nonce + sealed

    def open(self, tenant: str, purpose: str, box: bytes) -> bytes:
        """What a box holds.

        Raises:
            BoxError: cut, changed, or made for another tenant or purpose.
            KeyDestroyedError: its key is not among the keys.
        """
        head = 2 + (box[1] if len(box) > 1 else 0)
        body = head + _SALT_BYTES
        if len(box) < body + _NONCE_BYTES or box[0] != _VERSION:
            raise BoxError("not a sealed box")
        cipher = self._openers.get(box[:body]) or self._opener(box[2:head], box[:body])
        nonce, sealed = box[body : body + _NONCE_BYTES], box[body + _NONCE_BYTES :]
        try:
            return cipher.decrypt(nonce, sealed, self._associated_data(tenant, purpose))
        except InvalidTag:
            raise BoxError(f"a box for {tenant}/{purpose} was changed or moved") from None

    def _session(self, tenant: str) -> _Session:
        session = self._sessions.get(tenant)
        if session is None:
            raise WorkspaceError(
                f"no sealing key for tenant {tenant!r}",
                next_step=f"restore keys/tenant-{tenant}.key from its backup",
            )
        return session

    def _opener(self, name: bytes, prefix: bytes) -> AESGCM:
        try:
            key_id = name.decode()
        except UnicodeDecodeError:
            raise BoxError("a box with an unreadable key id") from None
        secret = self._secrets.get(key_id)
        if secret is None:
            raise KeyDestroyedError(key_id)
        if len(self._openers) >= _MOST_SESSIONS:
            self._openers.clear()
        cipher = AESGCM(_derive(secret, prefix[-_SALT_BYTES:]))
        self._openers[prefix] = cipher
        return cipher

    def _associated_data(self, tenant: str, purpose: str) -> bytes:
        known = self._associated.get((tenant, purpose))
        if known is None:
            if len(self._associated) >= _MOST_SESSIONS:
                self._associated.clear()
            known = f"befit/box/1\n{len(tenant)}\n{tenant}\n{purpose}".encode()
            self._associated[tenant, purpose] = known
        return known


def _prefix(key_id: str) -> bytes:
    name = key_id.encode()
    return bytes((_VERSION, len(name))) + name


def _derive(secret: bytes, salt: bytes) -> bytes:
    derived = hashlib.blake2b(salt, key=secret, digest_size=KEY_BYTES, person=b"befit-seal")
    return derived.digest()
