"""`EmbeddedWriter`: the one process that changes a tenant's index."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
from collections.abc import Generator, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

from befit.errors import WorkspaceError
from befit.knowledge.index.embedded.generation import GenerationWriter
from befit.knowledge.index.embedded.layout import Layout, epoch
from befit.knowledge.index.passage import Changes, Passage, Vector
from befit.knowledge.index.search_index import IndexUnwritable

REBUILT_AT_ONCE = 2_000
"""Passages a commit while rebuilding: bounds memory, and nobody reads them yet."""

_MOST_DEAD = 0.5
_LEAST_DEAD = 1_000
"""Where less than half is live a rebuild writes less than was written since the last one; in a
small index what is dead costs nothing."""


class EmbeddedWriter:
    """Writes to one folder while it is open. See `IndexWriter`.

    with EmbeddedWriter(folder, dimensions=384) as writer:
        writer.apply(Changes(put=passages))
    """

    def __init__(self, folder: Path, *, dimensions: int) -> None:
        """Take the writer's lock; `dimensions` is the size of the embedder's vectors.

        Raises:
            Conflict: another process writes.
            IndexUnwritable: the folder cannot be made.
        """
        self._layout = Layout(folder)
        self._dimensions = dimensions
        with _writing():
            self._lock: int | None = self._layout.lock()
        self._generation: GenerationWriter | None = None
        with contextlib.suppress(WorkspaceError):  # damaged: whoever needs it is told
            self._layout.drop_all_but(self._layout.live())

    def __enter__(self) -> EmbeddedWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def apply(self, changes: Changes) -> int:
        """See `IndexWriter`.

        Raises:
            IndexDamaged: the index cannot be opened: `rebuild` it.
            InvalidRequest: a vector has not as many numbers as the others.
        """
        number = self._layout.live()
        if number is None:
            return self.rebuild(changes.put)
        generation = self._opened(number)
        applied = False
        try:
            with _writing():
                marker = generation.apply(changes)
            applied = True
        finally:
            if not applied:  # half a batch lies on the disk: opening anew cuts it off
                self._drop_opened()
        return epoch(number, marker.commits)

    def rebuild(self, passages: Iterable[Passage]) -> int:
        """See `IndexWriter`. Takes vectors of the writer's own `dimensions`."""
        self._drop_opened()
        number = self._layout.next_number()
        folder = self._layout.generation(number)
        finished = False
        try:
            commits = self._write(folder, passages)
            finished = True
        finally:
            if not finished:
                shutil.rmtree(folder, ignore_errors=True)
        self._drop_opened()  # by `vectors_of` meanwhile
        with _writing():
            self._layout.switch(number)
        return epoch(number, commits)

    def vectors_of(self, documents: Sequence[str]) -> Mapping[str, Vector]:
        """See `IndexWriter`.

        Raises:
            IndexDamaged: the index cannot be read: `rebuild` it.
        """
        number = self._layout.live()
        return {} if number is None else self._opened(number).vectors_of(documents)

    @property
    def is_wasteful(self) -> bool:
        """See `IndexWriter`.

        Raises:
            IndexDamaged: the index cannot be read: `rebuild` it.
        """
        number = self._layout.live()
        if number is None:
            return False
        marker = self._opened(number).marker
        dead = marker.rows - marker.live
        return dead >= _LEAST_DEAD and dead > _MOST_DEAD * marker.rows

    def close(self) -> None:
        """See `IndexWriter`."""
        self._drop_opened()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _write(self, folder: Path, passages: Iterable[Passage]) -> int:
        """A new generation in `folder`; how many commits it took."""
        with _writing():
            self._layout.begin(folder)
            generation = GenerationWriter(folder, dimensions=self._dimensions, create=True)
        with generation:
            for batch in _batches(passages):
                with _writing():
                    generation.apply(Changes(put=batch))
            return generation.marker.commits

    def _opened(self, number: int) -> GenerationWriter:
        if self._generation is None:
            folder = self._layout.generation(number)
            self._generation = GenerationWriter(folder, dimensions=self._dimensions)
        return self._generation

    def _drop_opened(self) -> None:
        generation, self._generation = self._generation, None
        if generation is not None:
            generation.close()


@contextlib.contextmanager
def _writing() -> Generator[None]:
    try:
        yield
    except (OSError, ValueError) as error:  # the latter is what tantivy says of a full disk
        raise IndexUnwritable(error) from error


def _batches(passages: Iterable[Passage]) -> Iterable[list[Passage]]:
    left = iter(passages)
    while batch := list(itertools.islice(left, REBUILT_AT_ONCE)):
        yield batch
