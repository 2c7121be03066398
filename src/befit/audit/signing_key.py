"""The Ed25519 key that signs the ledger, and the chain of keys that it ends.

`.befit/keys/signing.pem` signs. While it is being rotated the key that follows lies in
`signing.next.pem`; it signs from the moment that `ledger/keys` ends with it, whether or
not it has been moved into place.
"""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from befit.audit.key_chain import KeyChain, read_chain
from befit.audit.key_files import broken_key, read_key, write_key
from befit.audit.layout import LedgerPaths
from befit.audit.note import NoteError, NoteSigner, NoteVerifier
from befit.errors import WorkspaceError

SIGNING_KEY = "signing.pem"
NEXT_KEY = "signing.next.pem"


def load_signer(befit: Path) -> tuple[NoteSigner, KeyChain]:
    """Load the signing key alone, and the chain of keys that it ends.

    Raises:
        WorkspaceError: it is missing, readable by others, not an Ed25519 key, or not the
            one that the ledger's chain of keys ends with.
    """
    path = befit / "keys" / SIGNING_KEY
    chain_path = LedgerPaths(befit=befit).keys
    try:
        chain = read_chain(chain_path)
    except (NoteError, OSError) as error:
        raise WorkspaceError(
            f"{chain_path} is damaged: {error}",
            next_step="run `befit audit verify`, then restore the folder from a backup",
        ) from None
    key = load_private_key(path)
    if chain is None:
        signer = NoteSigner(key)
        return signer, KeyChain(signer.verifier)
    if key.public_key().public_bytes_raw() != chain.newest.raw:
        # A crash came between the endorsement of the next key and its move into place.
        path = path.with_name(NEXT_KEY)
        key = load_private_key(path) if path.exists() else key
    signer = NoteSigner(key, chain.name)
    if signer.verifier.text != chain.newest.text:
        raise WorkspaceError(
            f"{chain_path} ends with another key than {path.with_name(SIGNING_KEY)}",
            next_step="restore the folder .befit/keys from a backup made after the last "
            "`befit audit rotate-key`",
        )
    return signer, chain


def load_public_key(befit: Path) -> NoteVerifier:
    """The public key of the workspace's signing key, under its own name.

    Raises:
        WorkspaceError: as `load_signer`, but whatever the chain of keys says.
    """
    return NoteVerifier(load_private_key(befit / "keys" / SIGNING_KEY).public_key())


def load_private_key(path: Path) -> Ed25519PrivateKey:
    """One Ed25519 key from its file.

    Raises:
        WorkspaceError: it is missing, readable by others, or no such key.
    """
    raw = read_key(path)
    try:
        key = serialization.load_pem_private_key(raw, password=None)
    except (ValueError, TypeError) as error:
        raise broken_key(path, str(error)) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise broken_key(path, "not an Ed25519 key")
    return key


def make_signing_key(path: Path) -> None:
    """Make an Ed25519 key in a file, where there is none.

    Raises:
        OSError: it could not be made durable.
    """
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    write_key(path, pem)
