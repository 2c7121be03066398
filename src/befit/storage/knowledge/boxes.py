"""What is sealed of a document: how its source calls it, its passages, where its lines stand.

Documents are the tenant's, not a person's: their boxes are under the tenant's own key.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec

from befit.audit import Sealer
from befit.errors import WorkspaceError
from befit.knowledge import Document, StoredPassage
from befit.knowledge.parsing import Line
from befit.storage.sealed_text import SealedText, TextOwner


class Said(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """What a source says of a document: names of files tell as much as their texts."""

    doc_id: str
    title: str
    uri: str
    path: str
    metadata: dict[str, str]


_decode_said = msgspec.json.Decoder(Said).decode
_decode_lines = msgspec.json.Decoder(tuple[Line, ...]).decode


class DocumentBoxes:
    """Seals and opens, each box for its own row only. Off the event loop."""

    def __init__(self, sealer: Sealer) -> None:
        self._documents = SealedText(sealer, "document")
        self._passages = SealedText(sealer, "passage")
        self._lines = SealedText(sealer, "lines")

    def seal_said(self, document: Document) -> bytes:
        """The box of what a document is called."""
        said = Said(
            doc_id=document.doc_id,
            title=document.title,
            uri=document.uri,
            path=document.path,
            metadata=dict(document.metadata),
        )
        text = msgspec.json.encode(said).decode()
        return _sealed(self._documents, document.tenant, document.key, text)

    def open_said(self, tenant: str, key: str, box: bytes) -> Said:
        """What a document is called."""
        return _decode_said(_opened(self._documents, tenant, key, box))

    def seal_text(self, tenant: str, passage: StoredPassage) -> bytes:
        """The box of a passage's text."""
        return _sealed(self._passages, tenant, passage.passage_id, passage.text)

    def open_text(self, tenant: str, passage_id: str, box: bytes) -> str:
        """A passage's text."""
        return _opened(self._passages, tenant, passage_id, box)

    def seal_lines(self, tenant: str, key: str, lines: Sequence[Line]) -> bytes:
        """The box of where a document's lines stand."""
        return _sealed(self._lines, tenant, key, msgspec.json.encode(lines).decode())

    def open_lines(self, tenant: str, key: str, box: bytes) -> tuple[Line, ...]:
        """Where a document's lines stand."""
        return _decode_lines(_opened(self._lines, tenant, key, box))


def doc_hash(doc_id: str) -> str:
    """What finds a document by its source's name for it without telling that name."""
    return hashlib.blake2b(doc_id.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _sealed(sealed: SealedText, tenant: str, place: str, text: str) -> bytes:
    box = sealed.seal(TextOwner(tenant=tenant, subject=None, data_class=None), place, text)
    if box is None:
        raise AssertionError("a text that is there has a box")
    return box


def _opened(sealed: SealedText, tenant: str, place: str, box: bytes) -> str:
    text = sealed.open(tenant, place, box)
    if text is None:
        raise WorkspaceError(
            f"the documents of tenant {tenant!r} cannot be opened: their key is gone",
            next_step=f"restore keys/tenant-{tenant}.key from its backup",
        )
    return text
