"""Reading what a source states of an item's rights and class, and nothing more than it states.

    acl = read_acl(decode_json(b'{"groups": ["staff"], "deny_users": ["mara"]}'))

Whatever is not exactly a statement is a fault: a right is never guessed.
"""

from __future__ import annotations

import json
from typing import NoReturn, cast

from befit.errors import nearest
from befit.identity import plain_name
from befit.knowledge.access.acl import Acl
from befit.knowledge.sources.naming import shown
from befit.vocabulary import DataClass

ACL_KEYS = ("users", "groups", "deny_users", "deny_groups")


class StatementFault(ValueError):
    """A statement that cannot be read; says why on one line, without the document's text.

    Attributes:
        doc_id: of the document that it was to be about, where that much is known.
    """

    doc_id: str | None = None


def decode_json(raw: bytes | str) -> object:
    """Strict JSON: UTF-8, no key twice, no NaN.

    Raises:
        StatementFault: it is not.
    """
    try:
        text = raw.decode("utf-8-sig") if isinstance(raw, bytes) else raw
        return cast("object", json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse))
    except StatementFault:
        raise
    except UnicodeDecodeError:
        raise StatementFault("not UTF-8") from None
    except json.JSONDecodeError as error:
        raise StatementFault(f"not JSON: {error.msg} at character {error.pos}") from None
    except (ValueError, RecursionError):  # a number of thousands of digits, or too deep
        raise StatementFault("not JSON that can be read") from None


def read_acl(stated: object) -> Acl:
    """The access list that an object of the four keys states.

    Raises:
        StatementFault: naming the key that is unknown or no list of names.
    """
    if not isinstance(stated, dict):
        raise StatementFault("acl: an object of " + ", ".join(ACL_KEYS) + " is expected")
    entries = cast("dict[str, object]", stated)
    for key in entries:
        if key not in ACL_KEYS:
            guess = nearest(key, ACL_KEYS)
            raise StatementFault(
                f"acl: unknown key '{shown(key)}'; " + (guess or "known are " + ", ".join(ACL_KEYS))
            )
    return Acl(**{key: _names(key, value) for key, value in entries.items()})


def read_class(stated: object) -> DataClass:
    """The data class that one of the four words states.

    Raises:
        StatementFault: it is none of them.
    """
    if not isinstance(stated, str) or len(stated) > len("confidential"):
        raise StatementFault("data_class: one of the four words is expected")
    try:
        return DataClass.from_word(stated)
    except ValueError as error:
        raise StatementFault(f"data_class: {shown(str(error))}") from None


def is_text(value: str) -> bool:
    """Whether it can be written down: JSON's escapes can name halves of characters."""
    if value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _names(key: str, value: object) -> frozenset[str]:
    if not isinstance(value, list):
        raise StatementFault(f"acl: {key} is no list of names")
    names: set[str] = set()
    for name in cast("list[object]", value):
        plain = plain_name(name) if isinstance(name, str) else ""
        if not plain or not plain.isprintable():
            raise StatementFault(f"acl: {key} holds something that is no name")
        names.add(plain)
    return frozenset(names)


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        # Which of the two is meant is anybody's guess, and may decide who reads it.
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise StatementFault(f"the key '{shown(twice)}' stands twice")
    return found


def _refuse(constant: str) -> NoReturn:
    raise StatementFault(f"not JSON: {constant}")
