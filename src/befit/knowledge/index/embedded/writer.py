"""`EmbeddedWriter`: the one process that changes a tenant's index."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

from befit.knowledge.index.embedded.generation import GenerationWriter
from befit.knowledge.index.embedded.layout import Layout, epoch
from befit.knowledge.index.passage import Changes, Passage, Vector

REBUILT_AT_ONCE = 2_000
"""Passages a commit while rebuilding: bounds memory, and nobody reads them yet."""


class EmbeddedWriter:
    """Writes to one folder while it is open. See `IndexWriter`.

    with EmbeddedWriter(folder, dimensions=384) as writer:
        writer.apply(Changes(put=passages))
    """

    def __init__(self, folder: Path, *, dimensions: int) -> None:
        """Take the writer's lock; `dimensions` is the size of the embedder's vectors.

        Raises:
            Conflict: another process writes.
        """
        self._layout = Layout(folder)
        self._dimensions = dimensions
        self._lock: int | None = self._layout.lock()
        self._generation: GenerationWriter | None = None

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
        folder = self._layout.begin(number)
        finished = False
        try:
            with GenerationWriter(folder, dimensions=self._dimensions, create=True) as generation:
                for batch in _batches(passages):
                    generation.apply(Changes(put=batch))
                commits = generation.marker.commits
            finished = True
        finally:
            if not finished:
                shutil.rmtree(folder, ignore_errors=True)
        self._layout.switch(number)
        return epoch(number, commits)

    def vectors_of(self, documents: Sequence[str]) -> Mapping[str, Vector]:
        """See `IndexWriter`.

        Raises:
            IndexDamaged: the index cannot be read: `rebuild` it.
        """
        number = self._layout.live()
        return {} if number is None else self._opened(number).vectors_of(documents)

    def waste(self) -> float:
        """The share of rows whose passages are gone: past a half, a rebuild pays."""
        number = self._layout.live()
        if number is None:
            return 0.0
        marker = self._opened(number).marker
        return 1 - marker.live / marker.rows if marker.rows else 0.0

    def close(self) -> None:
        """See `IndexWriter`."""
        self._drop_opened()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _opened(self, number: int) -> GenerationWriter:
        if self._generation is None:
            self._layout.drop_all_but(number)
            folder = self._layout.generation(number)
            self._generation = GenerationWriter(folder, dimensions=self._dimensions)
        return self._generation

    def _drop_opened(self) -> None:
        generation, self._generation = self._generation, None
        if generation is not None:
            generation.close()


def _batches(passages: Iterable[Passage]) -> Iterable[list[Passage]]:
    left = iter(passages)
    while batch := list(itertools.islice(left, REBUILT_AT_ONCE)):
        yield batch
