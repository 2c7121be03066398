"""`FoundPassage`: what a search gives a reader, its text opened; and the citation of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from befit.knowledge.retrieval import Support
from befit.vocabulary import DataClass, Tag

_OPENED_BY_READERS = ("https://", "http://", "s3://", "gs://", "az://")


def uri_for_readers(uri: str) -> str:
    """A document's address as its readers are told it.

    Files, and hosts that the server signs in to, are places of the server's own: whoever keeps
    the collection sees them, and a reader is told nothing of how its folders are laid out.
    """
    return uri if uri.startswith(_OPENED_BY_READERS) else ""


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundPassage:
    """One passage that its reader may have, best first in `Found`.

    Attributes:
        key: of the document, unique in the tenant; `doc_id` is what its source calls it.
        start, end: characters of the document's text.
        highlights: where the question's words stand, as characters of `text`.
        score: compares passages of one search and no others.
        uri: where readers find the document by themselves; empty where only the server does.
    """

    collection: str
    key: str
    doc_id: str
    passage_id: str
    version: str
    title: str
    text: str
    start: int
    end: int
    page: int | None
    score: float
    data_class: DataClass
    tags: frozenset[Tag] = frozenset()
    highlights: tuple[tuple[int, int], ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])
    dated_s: int | None = None
    uri: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What one search found for its reader.

    Attributes:
        support: how strongly the documents that the reader may read speak to the question.
        index_epoch, access_epoch: the commit that was searched, and the rights it was under.
    """

    passages: tuple[FoundPassage, ...]
    support: Support
    index_epoch: int
    access_epoch: int

    @property
    def data_class(self) -> DataClass:
        """The highest class among the passages."""
        return max((each.data_class for each in self.passages), default=DataClass.PUBLIC)

    @property
    def tags(self) -> frozenset[Tag]:
        """The tags of all passages."""
        return frozenset(tag for each in self.passages for tag in each.tags)


class Box(msgspec.Struct, frozen=True, kw_only=True):
    """Where a line stands on its page: points from the lower left corner, as PDF has it."""

    page: int
    left: float
    bottom: float
    right: float
    top: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Citation:
    """Where a claim stands: characters `start` to `end` of the document's text, verbatim.

    Attributes:
        boxes: of a PDF, the lines that hold them, from the first to the last.
    """

    collection: str
    doc_id: str
    passage_id: str
    version: str
    page: int | None
    start: int
    end: int
    text: str
    title: str = ""
    boxes: tuple[Box, ...] = ()
