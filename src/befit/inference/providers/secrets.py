"""Provider keys: read at the moment of the call, masked everywhere else.

A card holds a reference, `env:NAME` or `file:PATH`, never the key. It is resolved for
each call, so a rotated key takes effect at once and none rests in memory.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NoReturn

from befit.errors import WorkspaceError

_LARGEST_FILE = 16_384
_MASK = "***"
_WRITABLE_IN_HEADER = re.compile(r"[\x21-\x7e]+")
_KEY_LIKE = re.compile(
    r"\bBearer\s+[^\s,;\"']+"
    r"|\b(?:sk|pk|rk|gsk|xai|hf|nvapi|api|key|ghp|token)[-_][\w\-*.]{6,}"
    # Long runs of letters with digits, but no UUID: that is a request's id.
    r"|(?<![\w\-])(?![0-9a-f]{8}-[0-9a-f]{4}-)(?=[\w\-]*\d)(?=[\w\-]*[A-Za-z])[\w\-]{28,}",
    re.IGNORECASE,
)


class Secret:
    """A key that shows itself only to who asks with `reveal`.

    >>> print(Secret("sk-abc"), repr(Secret("sk-abc")))
    *** Secret(***)
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The key itself, for the one header that carries it."""
        return self._value

    def masked_in(self, text: str) -> str:
        """`text` with every occurrence of the key masked."""
        return text.replace(self._value, _MASK) if self._value else text

    def __repr__(self) -> str:
        return f"Secret({_MASK})"

    def __str__(self) -> str:
        return _MASK

    def __format__(self, spec: str) -> str:
        return format(_MASK, spec)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is never pickled")


KeyResolver = Callable[[str], Secret]
"""Turns a card's `key_ref` into the key, or raises `WorkspaceError`."""


def mask_keys(text: str) -> str:
    """`text` with whatever looks like a key masked: for quoting what a server said."""
    return _KEY_LIKE.sub(_MASK, text)


def resolve_key(
    key_ref: str, *, environ: Mapping[str, str] | None = None, folder: Path | None = None
) -> Secret:
    """The key behind `env:NAME` or `file:PATH`.

    Args:
        key_ref: the card's reference.
        environ: where `env:` looks; the process's environment by default.
        folder: what a relative path is relative to; the current folder by default.

    Raises:
        WorkspaceError: missing, unreadable, empty, or a file that others may read.
    """
    kind, _, name = key_ref.partition(":")
    if kind == "env" and name:
        value = (os.environ if environ is None else environ).get(name, "")
        if not value.strip():
            raise WorkspaceError(
                f"environment variable {name} is not set; it should hold a provider's key",
                next_step=f"export {name}=... before starting befit",
            )
        return _checked(value, key_ref)
    if kind == "file" and name:
        return _checked(_read_private(Path(name).expanduser(), folder), key_ref)
    # The reference is not quoted: people put the key itself here.
    raise WorkspaceError(
        "a key must be a reference, never the key itself",
        next_step="write env:NAME or file:PATH",
    )


def _read_private(path: Path, folder: Path | None) -> str:
    path = path if folder is None else folder / path
    try:
        # Opened first and examined through the descriptor, so that what is checked
        # is what is read.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise WorkspaceError(
            f"key file {path} cannot be read: {error.strerror}",
            next_step="write the key into it and `chmod 600` it",
        ) from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise WorkspaceError(f"key file {path} is not a regular file")
        if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise WorkspaceError(
                f"key file {path} may be read or written by others"
                f" (mode {stat.S_IMODE(status.st_mode):04o})",
                next_step=f"chmod 600 {path}",
            )
        return os.read(descriptor, _LARGEST_FILE).decode("ascii", errors="replace")
    finally:
        os.close(descriptor)


def _checked(value: str, key_ref: str) -> Secret:
    key = value.strip()
    if not _WRITABLE_IN_HEADER.fullmatch(key):
        raise WorkspaceError(
            f"the key behind {key_ref} is empty or holds blanks or control characters",
            next_step="let it hold the key alone, on one line",
        )
    return Secret(key)
