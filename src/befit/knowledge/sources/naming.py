"""Which names a source's items may have, and how any name is shown.

A name stands in rules, answers, logs and terminals: what holds line breaks or control
characters could pass a rule by or forge a line, so it is not taken in.
"""

from __future__ import annotations

import unicodedata

MOST_NAME_CHARACTERS = 2_000
_MOST_SHOWN = 200
_UNFIT = frozenset({"Cc", "Cs", "Zl", "Zp"})  # control, half of a surrogate pair, line breaks


def name_fault(name: str) -> str | None:
    """Why a name cannot be taken, or None."""
    if not name.strip():
        return "its name is empty"
    if len(name) > MOST_NAME_CHARACTERS:
        return f"its name is longer than {MOST_NAME_CHARACTERS:,} characters"
    if name.isascii() and name.isprintable():
        return None
    kinds = {unicodedata.category(character) for character in name}
    if "Cs" in kinds:
        return "its name is not UTF-8"
    if kinds & _UNFIT:
        return "its name holds line breaks or control characters"
    return None


def shown(name: str) -> str:
    """The name on one line, escaped and shortened, whatever it holds."""
    cut = name if len(name) <= _MOST_SHOWN else f"{name[: _MOST_SHOWN - 1]}…"
    return "".join(
        ascii(character)[1:-1] if unicodedata.category(character) in _UNFIT else character
        for character in cut
    )
