"""`Sealer`: encrypts what lies outside the log, under a key that can be destroyed.

    box = sealer.seal("default", "approval", payload, subject="key:K1A2")
    sealer.open("default", "approval", box)      # the payload; KeyDestroyedError without its key

A box is AES-256-GCM with tenant and purpose as associated data, so it opens only where
it was made for:

    version | len(key id) | key id | 16 bytes salt | 12 bytes nonce | ciphertext and tag

Version 2 is sealed under the data key of a subject (`DataKeys`), version 1 under the
tenant's own key, as what belongs to no subject is. Each process derives a key of its own
from that key and a random salt (keyed BLAKE2b, RFC 7693, as a pseudorandom function) and
counts its nonces. Random nonces under the key itself would reach the birthday bound of
NIST SP 800-38D (2^32 messages) within days at the gateway's rate.
"""

from __future__ import annotations

import hashlib
import itertools
import secrets
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from befit.audit.data_keys import Bucket, DataKeys
from befit.audit.tenant_keys import KEY_BYTES, BoxError, KeyDestroyedError, SealingKey
from befit.errors import WorkspaceError
from befit.vocabulary import DataClass

_TENANTS, _SUBJECTS = 1, 2
_SALT_BYTES = 16
_NONCE_BYTES = 12
_MOST_SESSIONS = 16_384
_MOST_OPENERS = 4_096
_MOST_PURPOSES = 4


class Owner(NamedTuple):
    """Whose a box is. `subject` None: the tenant's own; the class then tells nothing."""

    tenant: str
    subject: str | None = None
    data_class: DataClass | None = None


class Sealing:
    """One owner's sealing in this process: a derived key and its nonces.

    Attributes:
        key_id: the key that boxes name.
    """

    def __init__(self, tenant: str, version: int, key_id: str, secret: bytes) -> None:
        salt = secrets.token_bytes(_SALT_BYTES)
        name = key_id.encode()
        self.key_id = key_id
        self._tenant = tenant
        self._version = version
        self._encrypt = AESGCM(_derive(secret, salt)).encrypt
        self._prefix = bytes((version, len(name))) + name + salt
        self._next_nonce = itertools.count().__next__  # atomic under the GIL
        self._associated: dict[str, bytes] = {}

    def seal(self, purpose: str, plain: bytes) -> bytes:
        """A box that opens for the same tenant and purpose only."""
        nonce = self._next_nonce().to_bytes(_NONCE_BYTES)
        associated = self._associated.get(purpose)
        if associated is None:
            associated = _associated_data(self._version, self._tenant, purpose)
            if len(self._associated) < _MOST_PURPOSES:
                self._associated[purpose] = associated
        return b"".join((self._prefix, nonce, self._encrypt(nonce, plain, associated)))


class Sealer:
    """Seals and opens boxes. Safe from several threads.

    Args:
        keys: the tenants' keys.
        data_keys: the subjects' keys; without them everything is the tenant's own.
    """

    def __init__(self, keys: Mapping[str, SealingKey], data_keys: DataKeys | None = None) -> None:
        self._keys = dict(keys)
        self._secrets = {key.key_id: key.secret for key in keys.values()}
        self._data_keys = data_keys
        self._own: dict[str, Sealing] = {}
        self._sealings: dict[Owner, Sealing] = {}
        self._month = ""
        self._openers: dict[bytes, AESGCM] = {}
        self._turn = threading.Lock()
        self._forgotten = 0

    def key_id(self, tenant: str) -> str:
        """The id of a tenant's own key.

        Raises:
            WorkspaceError: where the tenant has none.
        """
        return self._key(tenant).key_id

    def sealings(self, owners: Sequence[Owner]) -> list[Sealing]:
        """Each owner's sealing, in their order; new keys of all are made durable at once.

        Raises:
            WorkspaceError: a tenant has no key, or a file of keys is broken.
            OSError: a new key cannot be kept.
        """
        self._renew()
        known = self._sealings
        found = [known.get(owner) for owner in owners]
        if None not in found:
            return [sealing for sealing in found if sealing is not None]
        begun = self._begun(
            {owner for owner, sealing in zip(owners, found, strict=True) if not sealing}
        )
        return [sealing or begun[owner] for owner, sealing in zip(owners, found, strict=True)]

    def seal(
        self,
        tenant: str,
        purpose: str,
        plain: bytes,
        *,
        subject: str | None = None,
        data_class: DataClass | None = None,
    ) -> bytes:
        """A box that opens for the same tenant and purpose, and while its key is there.

        Raises:
            WorkspaceError, OSError: as `sealings`.
        """
        (sealing,) = self.sealings((Owner(tenant, subject, data_class),))
        return sealing.seal(purpose, plain)

    def open(self, tenant: str, purpose: str, box: bytes) -> bytes:
        """What a box holds.

        Raises:
            BoxError: cut, changed, or made for another tenant or purpose.
            KeyDestroyedError: its key is not among the keys.
        """
        self._renew()
        head = 2 + (box[1] if len(box) > 1 else 0)
        body = head + _SALT_BYTES
        if len(box) < body + _NONCE_BYTES or box[0] not in (_TENANTS, _SUBJECTS):
            raise BoxError("not a sealed box")
        cipher = self._openers.get(box[:body]) or self._opener(tenant, box[2:head], box[:body])
        nonce, sealed = box[body : body + _NONCE_BYTES], box[body + _NONCE_BYTES :]
        try:
            return cipher.decrypt(nonce, sealed, _associated_data(box[0], tenant, purpose))
        except InvalidTag:
            raise BoxError(f"a box for {tenant}/{purpose} was changed or moved") from None

    def holds(self, tenant: str, key_id: str) -> bool:
        """Whether a key is there: what it sealed can be read."""
        if key_id in self._secrets:
            return True
        return self._data_keys is not None and self._data_keys.holds(tenant, key_id)

    def destroy(self, tenant: str, key_ids: Iterable[str]) -> None:
        """Destroy data keys for good, here and on disk.

        Raises:
            OSError: some of them may still be there.
        """
        if self._data_keys is None:
            return
        try:
            self._data_keys.destroy(tenant, key_ids)
        finally:
            self._forget()

    def _renew(self) -> None:
        """Forget what was worked out from keys that are gone, or of a month that is over."""
        if self._data_keys is None:
            return
        if self._data_keys.renewed():
            self._forget()
        elif self._month != (month := self._data_keys.month()):
            self._forget()
            self._month = month

    def _forget(self) -> None:
        with self._turn:
            # Replaced, not emptied: another thread may be reading the old ones.
            self._sealings, self._openers = {}, {}
            self._forgotten += 1

    def _begun(self, owners: set[Owner]) -> dict[Owner, Sealing]:
        with self._turn:
            if len(self._sealings) + len(owners) > _MOST_SESSIONS:
                self._sealings = {}
            buckets = {
                owner: Bucket(owner.tenant, owner.subject, owner.data_class)
                for owner in owners
                if owner.subject is not None and self._key(owner.tenant)
            }
            keys = self._data_keys.current(list(buckets.values())) if self._data_keys else {}
            begun: dict[Owner, Sealing] = {}
            for owner in owners:
                bucket = buckets.get(owner)
                key = keys.get(bucket) if bucket else None
                begun[owner] = (
                    self._tenants_own(owner.tenant)
                    if key is None
                    else Sealing(owner.tenant, _SUBJECTS, key.key_id, key.secret)
                )
            self._sealings |= begun
        return begun

    def _tenants_own(self, tenant: str) -> Sealing:
        own = self._own.get(tenant)
        if own is None:
            key = self._key(tenant)
            own = self._own[tenant] = Sealing(tenant, _TENANTS, key.key_id, key.secret)
        return own

    def _key(self, tenant: str) -> SealingKey:
        key = self._keys.get(tenant)
        if key is None:
            raise WorkspaceError(
                f"no sealing key for tenant {tenant!r}",
                next_step=f"restore keys/tenant-{tenant}.key from its backup",
            )
        return key

    def _opener(self, tenant: str, name: bytes, prefix: bytes) -> AESGCM:
        try:
            key_id = name.decode()
        except UnicodeDecodeError:
            raise BoxError("a box with an unreadable key id") from None
        forgotten = self._forgotten
        if prefix[0] == _TENANTS or self._data_keys is None:
            secret = self._secrets.get(key_id)
        else:
            secret = self._data_keys.secret(tenant, key_id)
        if secret is None:
            raise KeyDestroyedError(key_id)
        cipher = AESGCM(_derive(secret, prefix[-_SALT_BYTES:]))
        with self._turn:
            if len(self._openers) >= _MOST_OPENERS:
                self._openers = {}
            if forgotten == self._forgotten:  # else the key may have been destroyed meanwhile
                self._openers[prefix] = cipher
        return cipher


def _associated_data(version: int, tenant: str, purpose: str) -> bytes:
    return f"befit/box/{version}\n{len(tenant)}\n{tenant}\n{purpose}".encode()


def _derive(secret: bytes, salt: bytes) -> bytes:
    derived = hashlib.blake2b(salt, key=secret, digest_size=KEY_BYTES, person=b"befit-seal")
    return derived.digest()
