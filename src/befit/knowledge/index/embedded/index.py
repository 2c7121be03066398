"""`EmbeddedIndex`: the reading side, in any number of processes."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

from befit.errors import WorkspaceError
from befit.knowledge.index.embedded.inspection import problems_of
from befit.knowledge.index.embedded.layout import Layout
from befit.knowledge.index.embedded.snapshot import EmbeddedSnapshot, EmptySnapshot
from befit.knowledge.index.embedded.word_index import WordIndex
from befit.knowledge.index.search_index import IndexDamaged, Snapshot

_MOST_LOOKS = 10  # at an index that others write, where each finds something wrong
_ATTEMPTS = 3  # at opening a generation that a rebuild may just be dropping


@dataclass(frozen=True, kw_only=True, slots=True)
class _Opened:
    """A generation as last read; `stamp` tells whether there is a newer commit."""

    generation: int
    words: WordIndex
    stamp: tuple[int, ...]
    snapshot: EmbeddedSnapshot


class EmbeddedIndex:
    """One tenant's index in a folder of its own. See `SearchIndex`."""

    def __init__(self, folder: Path) -> None:
        self._layout = Layout(folder)
        self._opened: _Opened | None = None
        self._lock = threading.Lock()

    def snapshot(self) -> Snapshot:
        """The newest commit, of whichever process: two looks at the disk where it is known.

        Raises:
            IndexDamaged: it cannot be opened.
        """
        with self._lock:
            for attempt in range(_ATTEMPTS):
                try:
                    return self._newest()
                except IndexDamaged:
                    if attempt == _ATTEMPTS - 1:
                        raise
        raise AssertionError("unreachable")

    def verify(self) -> tuple[str, ...]:
        """See `SearchIndex`."""
        problems: tuple[str, ...] = ()
        try:
            for _ in range(_MOST_LOOKS):
                snapshot = self.snapshot()
                if not isinstance(snapshot, EmbeddedSnapshot):
                    return ()
                folder = self._layout.generation(snapshot.generation)
                problems = tuple(problems_of(folder, snapshot))
                # A commit may have taken away what was just looked for.
                if not problems or self.snapshot() is snapshot:
                    break
        except WorkspaceError as error:
            return (error.message,)
        return problems

    def _newest(self) -> Snapshot:
        generation = self._layout.live()
        if generation is None:
            return EmptySnapshot()
        folder = self._layout.generation(generation)
        known = self._opened
        stamp = _stamp(folder)
        if known is not None and (known.generation, known.stamp) == (generation, stamp):
            return known.snapshot
        if known is not None and known.generation == generation:
            words = known.words
        else:
            words = WordIndex(folder / "words")
        snapshot = EmbeddedSnapshot(folder, words.view(), generation=generation)
        self._opened = _Opened(generation=generation, words=words, stamp=stamp, snapshot=snapshot)
        return snapshot


def _stamp(folder: Path) -> tuple[int, ...]:
    """What changes with every commit: the identity of the file that a commit replaces."""
    try:
        status = (folder / "words" / "meta.json").stat()
    except OSError as error:
        raise IndexDamaged(f"its words are missing: {error.strerror}") from None
    return (status.st_ino, status.st_mtime_ns, status.st_size)
