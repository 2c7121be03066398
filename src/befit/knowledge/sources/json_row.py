"""`JsonRow`: one document as a line of JSON, `{"doc_id", "title"?, "text", "acl"?, ..}`.

A row whose rights or class cannot be read is no row: what is meant to be kept from some is
not shown to more of them because of a slip of the pen.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import cast

from befit.knowledge.access.acl import Acl
from befit.knowledge.sources.naming import name_fault, shown
from befit.knowledge.sources.statements import (
    ACL_KEYS,
    StatementFault,
    decode_json,
    is_text,
    read_acl,
    read_class,
)
from befit.vocabulary import DataClass

_KNOWN = frozenset({"doc_id", "title", "text", "acl", "data_class", "metadata", "dated"})
_TELLING = ("acl", "data_class")  # a key that nearly says one of these is a slip


@dataclass(frozen=True, kw_only=True, slots=True)
class JsonRow:
    """What a row says.

    Attributes:
        acl: None where the row says nothing of rights.
        is_acl_unknown: the row has rights and gives none: `"acl": null`.
    """

    doc_id: str
    text: str
    title: str = ""
    acl: Acl | None = None
    is_acl_unknown: bool = False
    data_class: DataClass | None = None
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])
    dated_s: int | None = None


def read_row(line: bytes) -> JsonRow:
    """The document that a line holds. Keys of the data's own are left alone.

    Raises:
        StatementFault: naming the field that is missing or wrong, never its content.
    """
    decoded = decode_json(line)
    if not isinstance(decoded, dict):
        raise StatementFault('a line is {"doc_id": .., "text": ..}')
    entries = cast("dict[str, object]", decoded)
    doc_id = _doc_id(entries.get("doc_id"))
    try:
        return _row(doc_id, entries)
    except StatementFault as fault:
        fault.doc_id = doc_id
        raise


def _row(doc_id: str, entries: dict[str, object]) -> JsonRow:
    for key in entries:
        if key not in _KNOWN and (slip := _slip(key)):
            raise StatementFault(f"unknown key '{shown(key)}'; {slip}")
    acl = entries.get("acl")
    return JsonRow(
        doc_id=doc_id,
        text=_text(entries.get("text")),
        title=_title(entries.get("title")),
        acl=None if acl is None else read_acl(acl),
        is_acl_unknown="acl" in entries and acl is None,
        data_class=_class(entries.get("data_class")),
        metadata=_metadata(entries.get("metadata")),
        dated_s=_dated(entries.get("dated")),
    )


@lru_cache(maxsize=1024)
def _slip(key: str) -> str | None:
    """What a key was likely to say, where that would have narrowed who may read."""
    if key in ACL_KEYS:
        return "it belongs into 'acl'"
    plain = key.casefold().replace("-", "_").replace(" ", "_")[:100]
    close = difflib.get_close_matches(plain, _TELLING, n=1, cutoff=0.75)
    return f"did you mean {close[0]!r}?" if close else None


def _doc_id(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise StatementFault("doc_id: a text or a whole number is expected")
    if fault := name_fault(value):
        raise StatementFault(f"doc_id: {fault}")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str) or not is_text(value):
        raise StatementFault("text: a text is expected")
    if not value.strip():
        raise StatementFault("text: it is empty")
    return value


def _title(value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str) or not is_text(value):
        raise StatementFault("title: a text is expected")
    return " ".join(value.split())


def _class(value: object) -> DataClass | None:
    return None if value is None else read_class(value)


def _metadata(value: object) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise StatementFault("metadata: an object of texts is expected")
    entries = cast("dict[str, object]", value)
    found: dict[str, str] = {}
    for key, entry in entries.items():
        if not isinstance(entry, str) or not is_text(entry) or name_fault(key):
            raise StatementFault(f"metadata: '{shown(key)}' is no text")
        found[key] = entry
    return found


def _dated(value: object) -> int | None:
    """Unix seconds; a day begins at midnight UTC, and a time without a zone is UTC."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise StatementFault("dated: a date such as 2026-03-31 is expected")
    try:
        if len(value) <= len("2026-03-31"):
            moment = datetime.combine(date.fromisoformat(value), datetime.min.time())
        else:
            moment = datetime.fromisoformat(value)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        raise StatementFault("dated: a date such as 2026-03-31 is expected") from None
