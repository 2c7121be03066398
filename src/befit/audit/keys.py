"""`Keyring`: the workspace's keys on disk, made once and never silently again.

`.befit/keys/` holds `signing.pem` (Ed25519, PKCS 8), `tenant-<name>.key` (32 bytes,
seals) and `pseudonym.key` (32 bytes). A key that others can read is refused, and so is
a missing one where data exist that need it: a new key would hide the loss.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from befit.audit.note import NoteSigner
from befit.audit.sealing import KEY_BYTES, Sealer, SealingKey
from befit.errors import WorkspaceError
from befit.vocabulary import DEFAULT_TENANT

_PSEUDONYM_BYTES = 16
_MOST_PSEUDONYMS = 4096


class Pseudonyms:
    """Keyed pseudonyms of principals: stable in a tenant, unlinkable between tenants."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._known: dict[tuple[str, str], str] = {}

    def of(self, tenant: str, principal: str) -> str:
        """The pseudonym of a principal, in hex."""
        known = self._known.get((tenant, principal))
        if known is None:
            if len(self._known) >= _MOST_PSEUDONYMS:
                self._known.clear()
            named = f"{len(tenant)}\n{tenant}\n{principal}".encode()
            mark = hashlib.blake2b(named, key=self._secret, digest_size=_PSEUDONYM_BYTES)
            known = self._known[tenant, principal] = mark.hexdigest()
        return known


@dataclass(frozen=True, kw_only=True, slots=True)
class Keyring:
    """What the ledger signs, seals and names principals with."""

    signer: NoteSigner = field(repr=False)
    sealer: Sealer = field(repr=False)
    pseudonyms: Pseudonyms = field(repr=False)


def open_keyring(befit: Path, *, tenants: tuple[str, ...] = (DEFAULT_TENANT,)) -> Keyring:
    """Load the keys of a `.befit/` folder, making them where nothing exists yet.

    Raises:
        WorkspaceError: a key is missing beside data, readable by others, or broken.
    """
    folder = befit / "keys"
    if not _has_data(befit):
        _make_missing(folder, tenants)
    return load_keyring(befit, tenants=tenants)


def load_keyring(befit: Path, *, tenants: tuple[str, ...] = (DEFAULT_TENANT,)) -> Keyring:
    """Load the keys of a `.befit/` folder without ever writing.

    Raises:
        WorkspaceError: a key is missing, readable by others, or broken.
    """
    folder = befit / "keys"
    signer = load_signer(befit)
    sealing = {tenant: _load_sealing(folder, tenant) for tenant in tenants}
    pseudonym = _read_secret(folder / "pseudonym.key")
    return Keyring(signer=signer, sealer=Sealer(sealing), pseudonyms=Pseudonyms(pseudonym))


def load_signer(befit: Path) -> NoteSigner:
    """Load the signing key alone.

    Raises:
        WorkspaceError: it is missing, readable by others, or not an Ed25519 key.
    """
    path = befit / "keys" / "signing.pem"
    raw = _read_private(path)
    try:
        key = serialization.load_pem_private_key(raw, password=None)
    except (ValueError, TypeError) as error:
        raise _broken(path, str(error)) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise _broken(path, "not an Ed25519 key")
    return NoteSigner(key)


def load_openers(befit: Path) -> Sealer:
    """A sealer over whatever tenant keys are there: a destroyed key is simply absent.

    Raises:
        WorkspaceError: a key is readable by others or broken.
    """
    folder = befit / "keys"
    names = sorted(path.stem.removeprefix("tenant-") for path in folder.glob("tenant-*.key"))
    return Sealer({tenant: _load_sealing(folder, tenant) for tenant in names})


def _has_data(befit: Path) -> bool:
    logs = [*befit.glob("ledger/*"), *befit.glob("sealed/*")]
    return any(path.is_file() and path.stat().st_size for path in logs)


def _make_missing(folder: Path, tenants: tuple[str, ...]) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    _write_once(folder / "signing.pem", pem)
    _write_once(folder / "pseudonym.key", secrets.token_bytes(KEY_BYTES))
    for tenant in tenants:
        _write_once(folder / f"tenant-{tenant}.key", secrets.token_bytes(KEY_BYTES))


def _write_once(path: Path, content: bytes) -> None:
    if path.exists():
        return
    # A key must be whole or absent: written aside, synced, then linked into place, which
    # fails where another process was first and so never replaces a key in use.
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        path.hardlink_to(aside)
    except FileExistsError:
        pass
    finally:
        aside.unlink()
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _load_sealing(folder: Path, tenant: str) -> SealingKey:
    return SealingKey(tenant=tenant, secret=_read_secret(folder / f"tenant-{tenant}.key"))


def _read_secret(path: Path) -> bytes:
    secret = _read_private(path)
    if len(secret) != KEY_BYTES:
        raise _broken(path, f"{len(secret)} bytes instead of {KEY_BYTES}")
    return secret


def _read_private(path: Path) -> bytes:
    try:
        mode = path.stat().st_mode
        content = path.read_bytes()
    except FileNotFoundError:
        raise WorkspaceError(
            f"the key {path} is missing, and data exist that need it",
            next_step="restore the folder .befit/keys from its backup; a new key cannot "
            "read or continue what the old one sealed and signed",
        ) from None
    except OSError as error:
        raise WorkspaceError(
            f"the key {path} cannot be read: {error.strerror}",
            next_step="run as the user who owns the workspace",
        ) from None
    if stat.S_IMODE(mode) & 0o077:
        raise WorkspaceError(
            f"the key {path} can be read by others (mode {stat.S_IMODE(mode):o})",
            next_step=f"chmod 600 {path}, and treat the key as known if others had access",
        )
    return content


def _broken(path: Path, detail: str) -> WorkspaceError:
    return WorkspaceError(
        f"the key {path} is broken: {detail}",
        next_step="restore the folder .befit/keys from its backup",
    )
