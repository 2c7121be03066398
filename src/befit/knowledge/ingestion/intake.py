"""`Intake`: from a source to documents that are read and cut, a bounded lot at a time.

It runs in a thread beside the model: what has not changed is not fetched, what has is
fetched, parsed and cut here, so that the embedder finds the next lot ready.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from befit.errors import BefitError
from befit.knowledge.chunking import Chunk, chunk
from befit.knowledge.document import DocumentState
from befit.knowledge.parsing import Parsed, Parser, Unreadable
from befit.knowledge.sources import Fetched, Item, Skipped, Source
from befit.knowledge.store import Mark

_VERSION_MARKS = 16
_LOT_PASSAGES = 512
_FIRST_LOT_PASSAGES = 64
_LOT_CHARACTERS = 1_000_000
_LOT_ITEMS = 2_000
_LOT_S = 2.0
"""A lot is handed over after this long, so that slow files do not keep the embedder waiting."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """A document as its source has it now, read and cut but not kept yet.

    Attributes:
        before: the document that stands under its `doc_id`.
    """

    item: Item
    parsed: Parsed
    chunks: tuple[Chunk, ...]
    version: str
    title: str
    media_type: str
    before: Mark | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """A document that stays as it is, but for whom it is for."""

    before: Mark
    item: Item


@dataclass(kw_only=True, slots=True)
class Lot:
    """What one look at the source brought.

    Attributes:
        emptied: documents that have no text any more.
        warnings: of what was read, by `doc_id`.
        failure: the source cannot be listed further.
        is_last: nothing more is to come.
    """

    listed: int = 0
    passages: int = 0
    characters: int = 0
    unchanged: int = 0
    drafts: list[Draft] = field(default_factory=list[Draft])
    kept: list[Kept] = field(default_factory=list[Kept])
    emptied: list[Mark] = field(default_factory=list[Mark])
    skipped: list[Skipped] = field(default_factory=list[Skipped])
    warnings: list[Skipped] = field(default_factory=list[Skipped])
    failure: BefitError | None = None
    is_last: bool = False

    def is_full(self, most_passages: int) -> bool:
        """Whether it is time to hand it over."""
        return (
            self.passages >= most_passages
            or self.characters >= _LOT_CHARACTERS
            or self.listed >= _LOT_ITEMS
        )


class Intake:
    """Reads one source. Blocking: `take` and `close` belong to one thread."""

    def __init__(self, source: Source, parser: Parser, marks: Mapping[str, Mark]) -> None:
        """`marks` is what of the source is there, by `doc_id`."""
        self._source = source
        self._parser = parser
        self._left = dict(marks)
        self._taken: set[str] = set()
        self._items: Iterator[Item | Skipped] = iter(source.items())
        self._unseen: list[str] = []
        self._most_passages = _FIRST_LOT_PASSAGES
        self._is_at_end = False
        self._stopping = threading.Event()

    @property
    def is_at_end(self) -> bool:
        """Whether `take` has given its last lot."""
        return self._is_at_end

    @property
    def has_seen_all(self) -> bool:
        """Whether the source could look everywhere so far."""
        return not self._unseen

    @property
    def gone(self) -> tuple[Mark, ...]:
        """What was there and was not offered, once the source was listed to its end.

        What lies where the source could not look is not known to be gone.
        """
        unseen = tuple(self._unseen)
        return tuple(mark for doc_id, mark in self._left.items() if not doc_id.startswith(unseen))

    @property
    def is_suddenly_empty(self) -> bool:
        """Whether there were documents, and the source offers none any more, not even one.

        A folder whose disk is not mounted looks like this, so it is not taken for a deletion.
        """
        return not self._taken and bool(self.gone)

    def stop(self) -> None:
        """Let `take` return after the item it is at; from any thread."""
        self._stopping.set()

    def take(self) -> Lot:
        """The next lot."""
        lot = Lot()
        until = time.monotonic() + _LOT_S
        while not lot.is_full(self._most_passages):
            if self._stopping.is_set() or (lot.drafts and time.monotonic() >= until):
                break
            try:
                offered = next(self._items, None)
            except BefitError as error:
                lot.failure, lot.is_last = error, True
                break
            if offered is None:
                lot.is_last = True
                break
            self._read(offered, lot)
        # The first lots are small, so that the embedder begins at once.
        self._most_passages = min(2 * self._most_passages, _LOT_PASSAGES)
        self._is_at_end = lot.is_last
        return lot

    def close(self) -> None:
        """Let the source go."""
        close = getattr(self._items, "close", None)  # a generator holds files open
        if close is not None:
            close()
        self._source.close()

    def _read(self, offered: Item | Skipped, lot: Lot) -> None:
        lot.listed += 1
        if isinstance(offered, Skipped):
            lot.skipped.append(offered)
            if offered.below is not None:
                self._unseen.append(offered.below)
            return
        why = self._fault_of(offered)
        if why is not None:
            lot.skipped.append(Skipped(what=offered.doc_id, reason=why))
            return
        self._taken.add(offered.doc_id)
        before = self._left.pop(offered.doc_id, None)
        if offered.is_acl_unknown:
            what = "its source could not tell who may read it, so only administrators may"
            lot.warnings.append(Skipped(what=offered.doc_id, reason=what))
        if before is not None and _is_unchanged(offered, before):
            lot.unchanged += 1
            lot.kept.append(Kept(before=before, item=offered))
            return
        try:
            self._fetch(offered, before, lot)
        except BefitError as error:
            reason = error.reason if isinstance(error, Unreadable) else error.message
            lot.skipped.append(Skipped(what=offered.doc_id, reason=reason))
            if before is not None:  # its content stays, but whom it is for is known
                lot.kept.append(Kept(before=before, item=offered))

    def _fault_of(self, item: Item) -> str | None:
        if item.doc_id in self._taken:
            return "its source offers another document under the same name"
        try:
            f"{item.doc_id}{item.path}{item.uri}".encode()
        except UnicodeEncodeError:
            return "its name is not Unicode"
        return None if item.doc_id else "it has no name"

    def _fetch(self, item: Item, before: Mark | None, lot: Lot) -> None:
        fetched = self._source.fetch(item)
        parsed = self._parsed(fetched)
        lot.warnings += [Skipped(what=item.doc_id, reason=each) for each in parsed.warnings]
        chunks = chunk(parsed)
        if not chunks:
            lot.skipped.append(Skipped(what=item.doc_id, reason="there is no text in it"))
            if before is not None:
                lot.emptied.append(before)
            return
        file_name = fetched.name if fetched.text is None else ""
        lot.passages += len(chunks)
        lot.characters += len(parsed.text)
        lot.drafts.append(
            Draft(
                item=item,
                parsed=parsed,
                chunks=chunks,
                version=version_of(parsed.text),
                title=" ".join((item.title or parsed.title or file_name).split()),
                media_type=parsed.media_type or fetched.media_type,
                before=before,
            )
        )

    def _parsed(self, fetched: Fetched) -> Parsed:
        if fetched.text is not None:
            return self._parser.parse_text(fetched.text, fetched.name)
        if fetched.file is None:
            raise BefitError("its source gave neither text nor file")
        try:
            return self._parser.parse(fetched.file, fetched.name)
        finally:
            if fetched.is_temporary:
                fetched.file.unlink(missing_ok=True)


def version_of(text: str) -> str:
    """The version of a document that says this."""
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return f"sha256:{digest[:_VERSION_MARKS]}"


def _is_unchanged(item: Item, before: Mark) -> bool:
    same_token = bool(item.change_token) and item.change_token == before.change_token
    return same_token and before.state is DocumentState.LIVE
