"""What people, groups and keys may be called, so that no name passes for something else."""

from __future__ import annotations

import re
import secrets
import unicodedata

from befit.errors import InvalidRequest

MARKS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # without look-alikes
MARKS_OF_ID = 12

# Ids are written `person:ID` and readers `USER:GROUP,GROUP`; paths are split at slashes.
_NAME = re.compile(r"[^\s/:,_][^\s/:,]{0,62}")


def new_marks() -> str:
    """The part of an id that nobody can guess and everybody can read out."""
    return "".join(secrets.choice(MARKS) for _ in range(MARKS_OF_ID))


def plain_name(name: str) -> str:
    """A name as it is compared: one form of each letter, no spaces around; capitals count.

    An accented letter may be typed whole or in two parts, and looks the same: what denies a
    group must not miss it for that.
    """
    return (name if name.isascii() else unicodedata.normalize("NFC", name)).strip()


def require_name(name: str, what: str) -> str:
    """The name, if it may name a `what`.

    Raises:
        InvalidRequest: it is empty, long, or holds a sign that means something elsewhere,
            or one that nobody sees.
    """
    is_plain = name.isprintable() and unicodedata.is_normalized("NFC", name)
    if not is_plain or not _NAME.fullmatch(name):
        raise InvalidRequest(
            f"{what} name {name[:80]!r} is not 1 to 63 characters without spaces, '/', ':' and ','",
            param="name",
        )
    return name
