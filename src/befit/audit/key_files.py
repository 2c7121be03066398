"""Files that hold one secret each: whole or absent, for their owner only, never replaced."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from befit.audit.durable import sync_folder
from befit.errors import WorkspaceError


def write_key(path: Path, content: bytes) -> None:
    """Put a secret into a new file, durably; one that is there stays as it is.

    Raises:
        OSError: it could not be made durable.
    """
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


def read_key(path: Path) -> bytes:
    """The secret in a file.

    Raises:
        WorkspaceError: it is missing, unreadable, or readable by others.
    """
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


def broken_key(path: Path, detail: str) -> WorkspaceError:
    """What to say of a file that holds no such key."""
    return WorkspaceError(
        f"the key {path} is broken: {detail}",
        next_step="restore the folder .befit/keys from its backup",
    )
