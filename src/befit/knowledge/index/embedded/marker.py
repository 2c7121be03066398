"""`Marker`: what one commit consists of, kept as a document inside the word index itself.

So the word index's own atomic commit is the only commit point there is: it carries along
how far each growing file reaches. There is no moment at which words and vectors disagree.
"""

from __future__ import annotations

import msgspec

from befit.knowledge.index.embedded.growing import Extent
from befit.knowledge.index.search_index import IndexDamaged
from befit.knowledge.index.words import ANALYSIS_VERSION

FORMAT_VERSION = 1


class Marker(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One commit of one generation.

    Attributes:
        commits: how many there have been in this generation.
        rows: passages ever put, deleted ones included.
        live: passages that are there.
        files: how far each growing file reaches, by its name.
    """

    format: int = FORMAT_VERSION
    analysis: int = ANALYSIS_VERSION
    dimensions: int
    commits: int
    rows: int
    live: int
    files: dict[str, Extent]

    @classmethod
    def first(cls, dimensions: int) -> Marker:
        """The marker of a generation that holds nothing."""
        return cls(dimensions=dimensions, commits=0, rows=0, live=0, files={})

    @classmethod
    def from_json(cls, document: bytes) -> Marker:
        """Read the marker's document.

        Raises:
            IndexDamaged: it is not one, or one of another version of the format.
        """
        try:
            marker = msgspec.json.decode(document, type=cls)
        except msgspec.MsgspecError as error:
            raise IndexDamaged(f"its marker is unreadable: {error}") from None
        if (marker.format, marker.analysis) != (FORMAT_VERSION, ANALYSIS_VERSION):
            raise IndexDamaged("it was written by another version of Befit")
        return marker

    def to_json(self) -> bytes:
        """The marker's document."""
        return msgspec.json.encode(self)

    def extent(self, name: str) -> Extent:
        """How far a growing file reaches."""
        return self.files.get(name, Extent())
