"""Signed checkpoints: C2SP `signed-note` and `tlog-checkpoint`, Ed25519, strict base64.

    befit/1f3a09c2/0
    128
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
    group 96 kBWKTcSL0k0OMQvM0hD0oW4ZvcWs2zmMQuTcdxX9WFI=

    — befit/1f3a09c2 Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+...

Sources: c2sp.org/signed-note, c2sp.org/tlog-checkpoint. There is one way to write a
note down: what parses renders back to the same bytes, so no byte of it can be changed
unseen.
"""

from __future__ import annotations

import binascii
import hashlib
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from befit.audit.merkle import HASH_BYTES

_ED25519 = b"\x01"
_KEY_HASH_BYTES = 4
_SIGNATURE_BYTES = 64
_MOST_NOTE_CHARS = 16_384
DASH = "\u2014 "
"""How a signature line begins."""


class NoteError(ValueError):
    """A note is malformed, or not signed by the key it should be signed by."""


class UnknownKeyError(NoteError):
    """A note carries no signature of this key: another one may have signed it."""


def encode_base64(data: bytes) -> str:
    """Standard base64 with padding (RFC 4648 section 4)."""
    return binascii.b2a_base64(data, newline=False).decode()


def decode_base64(text: str | bytes) -> bytes:
    """The bytes of standard base64 in its only valid spelling.

    Raises:
        NoteError: for other alphabets, missing padding, or stray trailing bits.
    """
    try:
        data = binascii.a2b_base64(text, strict_mode=True)
    except (binascii.Error, ValueError) as error:
        raise NoteError(f"invalid base64: {error}") from None
    coded = text.encode() if isinstance(text, str) else text
    if binascii.b2a_base64(data, newline=False) != coded:
        raise NoteError("base64 in a second spelling")
    return data


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkpoint:
    """A log's tree head: origin, number of leaves, root, and Befit's extension lines."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The note's text, which the signature covers."""
        lines = (self.origin, str(self.size), encode_base64(self.root), *self.extensions)
        return "\n".join(lines) + "\n"

    @classmethod
    def from_text(cls, text: str) -> Checkpoint:
        """Read a note's text.

        Raises:
            NoteError: where it is not the one spelling of a checkpoint.
        """
        lines = text.split("\n")
        if len(lines) < 4 or lines.pop() != "" or not all(lines):
            raise NoteError("a checkpoint has at least three non-empty lines")
        origin, size, root, *extensions = lines
        if not (size.isascii() and size.isdecimal()) or len(size) > 18:
            raise NoteError(f"tree size {size[:20]!r} is not a number")
        read = cls(
            origin=origin,
            size=int(size),
            root=decode_base64(root),
            extensions=tuple(extensions),
        )
        if read.text != text or len(read.root) != HASH_BYTES:
            raise NoteError("a checkpoint in a second spelling")
        return read


class NoteVerifier:
    """Checks notes of one key; anyone who holds the public key can build one.

    Attributes:
        name: `befit/` and eight hex digits of the SHA-256 of the ledger's first key.
        raw: the 32 bytes of the public key.
        key_id: C2SP's four bytes, which tell apart keys of one name.
    """

    def __init__(self, public_key: Ed25519PublicKey, name: str | None = None) -> None:
        self._public_key = public_key
        self.raw = public_key.public_bytes_raw()
        self.name = name or key_name(public_key)
        self.key_id = _key_hash(self.name, self.raw)

    @classmethod
    def from_text(cls, text: str) -> NoteVerifier:
        """Read a C2SP verifier key, `NAME+HASH+BASE64`, as `text` writes it.

        Raises:
            NoteError: where a part is malformed or the hash belongs to another key.
        """
        name, _, rest = text.strip().partition("+")
        key_hash, _, coded = rest.partition("+")
        key = decode_base64(coded)
        if not name or key[:1] != _ED25519 or len(key) != 1 + HASH_BYTES:
            raise NoteError("not an Ed25519 verifier key of the form NAME+HASH+BASE64")
        if key_hash != _key_hash(name, key[1:]).hex():
            raise NoteError(f"the hash {key_hash!r} is not that of the key {name!r}")
        return cls(Ed25519PublicKey.from_public_bytes(key[1:]), name)

    @property
    def text(self) -> str:
        """The public key as C2SP writes it, to hand to whoever checks receipts."""
        return f"{self.name}+{self.key_id.hex()}+{encode_base64(_ED25519 + self.raw)}"

    def open(self, note: str) -> str:
        """The text of a note that this key signed.

        Raises:
            NoteError: malformed, unsigned, signed by others only, or forged.
        """
        text, signatures = _split(note)
        for line in signatures:
            name, _, coded = line.removeprefix(DASH).partition(" ")
            signature = decode_base64(coded)
            if name != self.name or signature[:_KEY_HASH_BYTES] != self.key_id:
                continue
            if len(signature) != _KEY_HASH_BYTES + _SIGNATURE_BYTES:
                raise NoteError(f"the signature of {name} has the wrong length")
            try:
                self._public_key.verify(signature[_KEY_HASH_BYTES:], text.encode())
            except InvalidSignature:
                raise NoteError(f"the signature of {name} does not fit the text") from None
            return text
        raise UnknownKeyError(f"no signature of {self.name}")

    def open_own(self, note: str) -> str:
        """The text of a note that carries this key's signature and no other.

        Befit writes no second signature into its own files, so one found there is a
        changed byte.

        Raises:
            NoteError: as `open`, or for further signature lines.
        """
        text = self.open(note)
        if len(_split(note)[1]) != 1:
            raise NoteError("a further signature line")
        return text


class NoteSigner:
    """Signs checkpoints with the workspace's key.

    Attributes:
        name: the key's name, as in `NoteVerifier`.
        verifier: checks what this signer signs.
    """

    def __init__(self, private_key: Ed25519PrivateKey, name: str | None = None) -> None:
        self._private_key = private_key
        self.verifier = NoteVerifier(private_key.public_key(), name)
        self.name = self.verifier.name

    def sign(self, text: str) -> str:
        """A text that ends in a newline, as a signed note."""
        return sign_note(text, self)

    def signature(self, text: str) -> str:
        """The signature line for a text."""
        signature = self.verifier.key_id + self._private_key.sign(text.encode())
        return f"{DASH}{self.name} {encode_base64(signature)}\n"


def sign_note(text: str, *signers: NoteSigner) -> str:
    """A text that ends in a newline, signed by several keys in this order."""
    return "".join((text, "\n", *[signer.signature(text) for signer in signers]))


def sign_order(note: str) -> tuple[bytes, ...]:
    """The key ids of a note's signatures, in the order in which they stand.

    Raises:
        NoteError: malformed.
    """
    coded = (line.rpartition(" ")[2] for line in _split(note)[1])
    return tuple(decode_base64(each)[:_KEY_HASH_BYTES] for each in coded)


def key_name(public_key: Ed25519PublicKey) -> str:
    """The name a workspace's key signs under: `befit/` and a short id of the key."""
    return "befit/" + hashlib.sha256(public_key.public_bytes_raw()).hexdigest()[:8]


def _key_hash(name: str, raw: bytes) -> bytes:
    named = name.encode() + b"\n" + _ED25519 + raw
    return hashlib.sha256(named).digest()[:_KEY_HASH_BYTES]


def _split(note: str) -> tuple[str, list[str]]:
    if len(note) > _MOST_NOTE_CHARS:
        raise NoteError(f"a note of {len(note)} characters")
    if any(char < " " and char != "\n" for char in note):
        raise NoteError("a control character")
    text, blank, tail = note.rpartition("\n\n")
    if not blank or not tail.endswith("\n"):
        raise NoteError("no blank line between text and signatures")
    lines = tail.removesuffix("\n").split("\n")
    if not all(line.startswith(DASH) for line in lines):
        raise NoteError("a signature line does not begin with an em dash")
    return text + "\n", lines
