"""`Source`: where documents come from. Adapters are found by the entry point `befit.sources`.

    source = open_source("/srv/handbook")
    for item in source.items():
        fetched = source.fetch(item)

Blocking: used from a worker thread.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from befit.knowledge.access.acl import Acl
from befit.vocabulary import DataClass


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """Something a source offers, before it is fetched.

    Attributes:
        doc_id: stable within the source, such as the path below its root.
        path: what the rules of `acl.yaml` match; with `/` between parts.
        change_token: changes with the content (etag, size and time); empty where the source
            has none, so that only the content itself tells.
        size_bytes: None where it is not known.
        title: empty where the content is to say.
        acl, data_class: what the source itself says of it; None where it says nothing.
        is_acl_unknown: the source has rights and could not tell them now: nobody may read it.
    """

    doc_id: str
    uri: str
    path: str
    change_token: str = ""
    size_bytes: int | None = None
    title: str = ""
    acl: Acl | None = None
    is_acl_unknown: bool = False
    data_class: DataClass | None = None
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])
    dated_s: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Skipped:
    """Something that was not taken in, and why.

    Attributes:
        what: its name, fit to be shown.
        below: where a part of the source could not be looked into, how the `doc_id`s in it
            begin: they are unknown, not deleted.
    """

    what: str
    reason: str
    below: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Fetched:
    """An item's content: its text where the source has text, else a file to be parsed.

    Attributes:
        name: the file's name, whose ending says what it is taken for.
        is_temporary: the file is for whoever fetched it to remove.
    """

    name: str
    text: str | None = None
    file: Path | None = None
    is_temporary: bool = False
    media_type: str = ""


class Source(Protocol):
    """One place that documents come from."""

    @property
    def name(self) -> str:
        """Its stable name, such as `file:/srv/handbook`; no secrets in it."""
        ...

    def items(self) -> Iterator[Item | Skipped]:
        """Everything it offers now, one by one.

        Raises:
            SourceFailed: it vanished; what has not come is then unknown, not deleted.
        """
        ...

    def fetch(self, item: Item) -> Fetched:
        """The content of one item.

        Raises:
            SourceFailed: it cannot be had; `retry` says whether later might help.
        """
        ...

    def close(self) -> None:
        """Let go of files and connections; it may be listed again. Adapters may lack it."""
        ...
