"""`KeyChain`: the keys that signed a ledger, each endorsed by the one before and after it.

`ledger/keys` is there once the signing key was rotated: a list of notes, one a rotation,
each signed by the old key, which so names its successor, and by the new one, which so
names whom it follows:

    befit/1f3a09c2/keys
    old befit/1f3a09c2+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW
    new befit/1f3a09c2+5bd1a2ee+AbHXtmdaA8f4ok8GYYrZt5DJ4TUKlZ2Pl3jXhQ0GqBkY
    0 128 CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

    — befit/1f3a09c2 x08go6...
    — befit/1f3a09c2 W9Gi7i...

The lines below the keys are the heads of all logs at that moment: what lies behind them
must be signed by the new key, so an old key that leaks later appends nothing. Nor does it
prove anything by itself: what it signs of a smaller log counts only where the log, or a
path to what the newest key signed, shows that it was so. All keys of a ledger have the
name of its first one, and their own C2SP key id.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from befit.audit.heads import LogHead, heads_of_lines, heads_of_text, split_notes
from befit.audit.layout import is_log_name
from befit.audit.merkle import EMPTY_ROOT
from befit.audit.note import (
    Checkpoint,
    NoteError,
    NoteSigner,
    NoteVerifier,
    UnknownKeyError,
    sign_note,
    sign_order,
)

_MOST_CHAIN_CHARS = 1 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Endorsement:
    """One rotation: two keys that vouch for each other, and where the first one ended.

    Attributes:
        heads: every log there was, at the moment of the rotation.
        note: the signed note that says so.
    """

    old: NoteVerifier
    new: NoteVerifier
    heads: tuple[LogHead, ...]
    note: str

    @classmethod
    def signed(cls, old: NoteSigner, new: NoteSigner, heads: tuple[LogHead, ...]) -> Endorsement:
        """Have two keys endorse each other."""
        lines = (
            f"{old.name}/keys",
            f"old {old.verifier.text}",
            f"new {new.verifier.text}",
            *[head.line for head in heads],
            "",
        )
        note = sign_note("\n".join(lines), old, new)
        return cls(old=old.verifier, new=new.verifier, heads=heads, note=note)

    @classmethod
    def from_note(cls, note: str) -> Endorsement:
        """Read an endorsement; both keys must have signed it.

        Raises:
            NoteError: it is not one, or a signature does not fit.
        """
        text, _, signatures = note.rpartition("\n\n")
        lines = text.split("\n")
        if len(lines) < 3 or not (lines[1].startswith("old ") and lines[2].startswith("new ")):
            raise NoteError("not an endorsement of a key")
        old, new = (NoteVerifier.from_text(line[4:]) for line in lines[1:3])
        read = cls(old=old, new=new, heads=heads_of_lines(lines[3:]), note=note)
        if lines[0] != f"{old.name}/keys" or old.name != new.name:
            raise NoteError("an endorsement between keys of two ledgers")
        if (lines[1], lines[2]) != (f"old {old.text}", f"new {new.text}"):
            raise NoteError("a key in a second spelling")
        if old.open(note) != new.open(note) or signatures.count("\n") != 2:
            raise NoteError("an endorsement has two signatures")
        if sign_order(note) != (old.key_id, new.key_id):
            raise NoteError("the signatures stand in another order")
        return read

    def end_of(self, log: str) -> LogHead:
        """Where a log stood when the old key was replaced."""
        return next((head for head in self.heads if head.log == log), _empty(log))


class KeyChain:
    """Checks what any key of a ledger has signed, each only up to where it was replaced.

    Attributes:
        name: the name that all its keys sign under.
        keys: oldest first.
    """

    def __init__(self, first: NoteVerifier, endorsements: Iterable[Endorsement] = ()) -> None:
        self.endorsements = tuple(endorsements)
        self.keys = (first, *[each.new for each in self.endorsements])
        self.name = first.name
        for key, each in zip(self.keys, self.endorsements, strict=False):
            if each.old.text != key.text:
                raise NoteError(f"the key {each.old.text} is endorsed and does not come before")
        if len({key.text for key in self.keys}) != len(self.keys):
            raise NoteError("a key comes back that was replaced")

    @classmethod
    def from_text(cls, text: str) -> KeyChain:
        """Read the file `ledger/keys`.

        Raises:
            NoteError: it holds anything but an unbroken chain of endorsements.
        """
        notes = split_notes(text)
        if not notes or "\n".join((*notes, "")) != text:
            raise NoteError("not a chain of endorsements")
        endorsements = [Endorsement.from_note(note) for note in notes]
        return cls(endorsements[0].old, endorsements)

    @property
    def newest(self) -> NoteVerifier:
        """The key that signs now."""
        return self.keys[-1]

    @property
    def text(self) -> str:
        """What `ledger/keys` holds; empty before the first rotation."""
        return "".join(f"{each.note}\n" for each in self.endorsements)

    def holds(self, key: NoteVerifier) -> bool:
        """Whether a key is one of them, under whatever name it is known."""
        return any(key.raw == each.raw for each in self.keys)

    def least_head(self, log: str) -> LogHead:
        """What the newest key endorsed of a log when it took over: the log reaches as far."""
        return self.endorsements[-1].end_of(log) if self.endorsements else _empty(log)

    def is_current(self, note: str) -> bool:
        """Whether the newest key signed a note: only then is it believed by itself.

        Raises:
            NoteError: malformed, forged, or of another ledger.
        """
        return self._open(note)[0] == len(self.endorsements)

    def followed_by(self, endorsement: Endorsement) -> KeyChain:
        """The chain with one more key."""
        return KeyChain(self.keys[0], (*self.endorsements, endorsement))

    def open_checkpoint(self, note: str) -> Checkpoint:
        """The checkpoint of a log, signed by a key that was in force at its size.

        Raises:
            NoteError: malformed, forged, of another ledger, or signed by a replaced key.
        """
        at, text = self._open(note)
        checkpoint = Checkpoint.from_text(text)
        log = checkpoint.origin.rpartition("/")[2]
        self._check_in_force(at, LogHead(log=log, size=checkpoint.size, root=checkpoint.root))
        return checkpoint

    def open_heads(self, note: str) -> tuple[LogHead, ...]:
        """The heads of a checkpoint of checkpoints, signed by a key in force at them.

        Raises:
            NoteError: as `open_checkpoint`.
        """
        at, text = self._open(note)
        heads = heads_of_text(text, key_name=self.name)
        for head in heads:
            self._check_in_force(at, head)
        return heads

    def open_any(self, note: str) -> tuple[LogHead, ...]:
        """The heads of a note of either kind; a log's own names that log alone.

        Raises:
            NoteError: as `open_checkpoint`.
        """
        if note.partition("\n")[0] == f"{self.name}/ledger":
            return self.open_heads(note)
        read = self.open_checkpoint(note)
        ledger, _, log = read.origin.rpartition("/")
        if ledger != self.name or not is_log_name(log):
            raise NoteError(f"{read.origin[:80]!r} is no log of this ledger")
        return (LogHead(log=log, size=read.size, root=read.root),)

    def _open(self, note: str) -> tuple[int, str]:
        for at in reversed(range(len(self.keys))):
            try:
                return at, self.keys[at].open_own(note)
            except UnknownKeyError:
                if at == 0:
                    raise
        raise AssertionError("a chain has a first key")

    def _check_in_force(self, at: int, head: LogHead) -> None:
        if at == len(self.endorsements):
            return
        end = self.endorsements[at].end_of(head.log)
        if head.size > end.size:
            raise NoteError(
                f"event {head.size - 1} of log {head.log} is signed by the key "
                f"{self.keys[at].text}, which was replaced at event {end.size}"
            )
        if head.size == end.size and head.root != end.root:
            raise NoteError(
                f"log {head.log} of {end.size} events is not the one that the key "
                f"{self.keys[at].text} was replaced at"
            )


def _empty(log: str) -> LogHead:
    return LogHead(log=log, size=0, root=EMPTY_ROOT)


def read_chain(path: Path) -> KeyChain | None:
    """The chain in a file; None where there is none, as no key was ever rotated.

    Raises:
        NoteError: it is damaged.
        OSError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            text = file.read(_MOST_CHAIN_CHARS).decode()
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        raise NoteError("not UTF-8") from None
    return KeyChain.from_text(text)
