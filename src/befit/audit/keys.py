"""`Keyring`: the workspace's keys on disk, made once and never silently again.

`.befit/keys/` holds `signing.pem` (Ed25519, PKCS 8), `tenant-<name>.key` (32 bytes,
seals and wraps the data keys in `data/`) and `pseudonym.key` (32 bytes). A key that others
can read is refused, and so is a missing one where data exist that need it: a new key would
hide the loss.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from befit.audit.data_keys import DataKeys
from befit.audit.key_chain import KeyChain
from befit.audit.key_files import write_key
from befit.audit.note import NoteSigner
from befit.audit.sealing import Sealer
from befit.audit.signing_key import SIGNING_KEY, load_signer, make_signing_key
from befit.audit.tenant_keys import (
    KEY_BYTES,
    known_tenants,
    load_tenant_keys,
    make_tenant_keys,
    read_secret,
)
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
    """What the ledger signs, seals and names principals with.

    Attributes:
        tenants: everyone whose data may be here, configured now or not.
    """

    tenants: tuple[str, ...] = field(repr=False)
    signer: NoteSigner = field(repr=False)
    chain: KeyChain = field(repr=False)
    sealer: Sealer = field(repr=False)
    data_keys: DataKeys = field(repr=False)
    pseudonyms: Pseudonyms = field(repr=False)


def open_keyring(befit: Path, *, tenants: tuple[str, ...] = (DEFAULT_TENANT,)) -> Keyring:
    """Load the keys of a `.befit/` folder, making them where nothing exists yet.

    Raises:
        WorkspaceError: a key is missing beside data, readable by others, broken, or
            cannot be made.
    """
    has_data = _has_data(befit)
    try:
        if not has_data:
            _make_missing(befit / "keys")
        make_tenant_keys(befit, tenants, has_data=has_data)
    except OSError as error:
        raise WorkspaceError(
            f"the keys in {befit / 'keys'} cannot be made: {error.strerror}",
            next_step="free space on the disk, or check it, and start again",
        ) from None
    return load_keyring(befit, tenants=tenants)


def load_keyring(befit: Path, *, tenants: tuple[str, ...] = (DEFAULT_TENANT,)) -> Keyring:
    """Load the keys of a `.befit/` folder without ever writing.

    Raises:
        WorkspaceError: a key is missing, readable by others, or broken.
    """
    folder = befit / "keys"
    signer, chain = load_signer(befit)
    pseudonyms = Pseudonyms(read_secret(folder / "pseudonym.key"))
    keys = load_tenant_keys(befit, tenants)
    data_keys = DataKeys(folder / "data", keys, pseudonym_of=pseudonyms.of)
    return Keyring(
        tenants=tuple(sorted(known_tenants(befit).union(keys))),
        signer=signer,
        chain=chain,
        sealer=Sealer(keys, data_keys),
        data_keys=data_keys,
        pseudonyms=pseudonyms,
    )


def load_openers(befit: Path) -> Sealer:
    """A sealer over whatever keys are there: a destroyed key is simply absent.

    Raises:
        WorkspaceError: a key is readable by others or broken.
    """
    keys = load_tenant_keys(befit)
    return Sealer(keys, DataKeys(befit / "keys" / "data", keys))


def _has_data(befit: Path) -> bool:
    logs = [*befit.glob("ledger/*"), *befit.glob("sealed/*")]
    return any(path.is_file() and path.stat().st_size for path in logs)


def _make_missing(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    make_signing_key(folder / SIGNING_KEY)
    write_key(folder / "pseudonym.key", secrets.token_bytes(KEY_BYTES))
