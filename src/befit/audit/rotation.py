"""Rotating the signing key: steps that a crash may cut anywhere.

1. The next key is made in `keys/signing.next.pem`. It signs nothing yet.
2. An `administrative` event under the old key records that it is going to be replaced.
3. Both keys endorse each other in `ledger/keys`. From here on the next key signs.
4. It moves into place as `keys/signing.pem`, over the old one.

After a crash before 3 the old key goes on, and a later rotation takes the key that was
made. After 3 the next start finishes 4. A key that `ledger/keys` ends with is never lost.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from befit.audit.administrative import administrative_draft
from befit.audit.durable import replace_file, sync_folder
from befit.audit.events import Draft
from befit.audit.group import LogState
from befit.audit.heads import LogHead
from befit.audit.key_chain import Endorsement, KeyChain
from befit.audit.layout import LedgerPaths
from befit.audit.note import NoteSigner, NoteVerifier
from befit.audit.opening import read_state
from befit.audit.signing_key import NEXT_KEY, SIGNING_KEY, load_private_key, make_signing_key
from befit.errors import Conflict


@contextmanager
def rotation_lock(befit: Path) -> Generator[None]:
    """Hold the folder of the keys against another process that rotates or starts."""
    descriptor = os.open(befit / "keys", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def next_signer(befit: Path, old: NoteSigner) -> NoteSigner:
    """The key that will follow, made where a rotation that was cut off left none.

    Raises:
        OSError: it could not be made durable.
    """
    path = befit / "keys" / NEXT_KEY
    make_signing_key(path)
    return NoteSigner(load_private_key(path), old.name)


def rotation_draft(old: NoteVerifier, new: NoteVerifier, *, by: str, policy: str) -> Draft:
    """The event that records a rotation."""
    told = {"old_key": old.text, "new_key": new.text}
    return administrative_draft("rotate_key", "keys/signing.pem", by=by, policy=policy, told=told)


@contextmanager
def other_heads(paths: LedgerPaths, log: str, keys: KeyChain) -> Generator[tuple[LogHead, ...]]:
    """Where all logs but one's own end, held still meanwhile.

    Raises:
        Conflict: another process is writing one of them.
        WorkspaceError: one is damaged.
    """
    with ExitStack() as held:
        heads: list[LogHead] = []
        for each in paths.logs():
            if each == log:
                continue
            file = held.enter_context(paths.leaves(each).open("rb"))
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Conflict(
                    f"another process is writing {paths.leaves(each)}",
                    next_step="stop it, rotate the key, and start it again",
                ) from None
            heads.append(head_of(each, read_state(paths, each, keys)))
        yield tuple(heads)


def head_of(log: str, state: LogState) -> LogHead:
    """A log's head where it stands."""
    return LogHead(log=log, size=state.frontier.size, root=state.frontier.root())


def endorse(paths: LedgerPaths, keys: KeyChain, endorsement: Endorsement, *, log: str) -> KeyChain:
    """Put an endorsement into force, and its key into place.

    Raises:
        OSError: it is not known whether it is in force; read the keys again.
    """
    chain = keys.followed_by(endorsement)
    replace_file(paths.keys, chain.text, log=log)
    settle_rotation(paths.befit, chain)
    return chain


def settle_rotation(befit: Path, chain: KeyChain) -> None:
    """Move the next key into place where the chain already ends with it.

    The caller holds the `rotation_lock`.

    Raises:
        OSError: it still lies beside; it is found there all the same.
    """
    upcoming = befit / "keys" / NEXT_KEY
    if not upcoming.exists():
        return
    if load_private_key(upcoming).public_key().public_bytes_raw() == chain.newest.raw:
        upcoming.replace(befit / "keys" / SIGNING_KEY)
        sync_folder(befit / "keys")
