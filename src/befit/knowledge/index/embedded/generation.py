"""`GenerationWriter`: batches into one generation, each a single commit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

import numpy as np

from befit.errors import InvalidRequest
from befit.knowledge.index.embedded.columns import COLUMNS, ColumnBatch, Columns
from befit.knowledge.index.embedded.growing import GrowingFile
from befit.knowledge.index.embedded.layout import sync_folder
from befit.knowledge.index.embedded.marker import Marker
from befit.knowledge.index.embedded.nearest import VECTOR_FILES, Vectors, quantised
from befit.knowledge.index.embedded.word_index import WordIndex, WordView
from befit.knowledge.index.passage import Changes, Passage, Vector
from befit.knowledge.index.search_index import Rows


class GenerationWriter:
    """Opens a generation as its last commit left it; what came after that is cut off.

    An error in `apply` leaves the object of no use: open a new one, which heals.
    """

    def __init__(self, folder: Path, *, dimensions: int, create: bool = False) -> None:
        """Open `folder`, or begin a generation in it when it is new and empty.

        Raises:
            IndexDamaged: the last commit is not all there.
        """
        self._folder = folder
        self._files: dict[str, GrowingFile] = {}
        self._words = WordIndex(folder / "words", create=create)
        with ExitStack() as unless_opened:
            unless_opened.callback(self.close)
            if create:
                self._words.commit({}, np.empty(0, np.int64), Marker.first(dimensions))
            self._view = self._words.view()
            self._batch = ColumnBatch(Columns.read(folder, self._view.marker).codes)
            for name in (*COLUMNS, *VECTOR_FILES):
                self._files[name] = GrowingFile(folder / name, self._view.marker.extent(name))
            sync_folder(folder)
            unless_opened.pop_all()

    def __enter__(self) -> GenerationWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self._words.abandon()
        self.close()

    @property
    def marker(self) -> Marker:
        """The newest commit."""
        return self._view.marker

    def apply(self, changes: Changes) -> Marker:
        """Commit one batch.

        Raises:
            InvalidRequest: a vector has not as many numbers as the others.
        """
        put = {passage.ref.passage_id: passage for passage in changes.put}  # the last one wins
        self._check(tuple(put.values()))
        gone = self._rows_gone(changes, put)
        before = self.marker
        passages = list(put.values())
        self._append(passages, gone)
        marker = Marker(
            dimensions=before.dimensions,
            commits=before.commits + 1,
            rows=before.rows + len(passages),
            live=before.live - len(gone) + len(passages),
            files={name: file.extent for name, file in self._files.items()},
        )
        # Vectors and columns are durable before the commit that vouches for them.
        for file in self._files.values():
            file.sync()
        self._words.commit(dict(enumerate(passages, before.rows)), gone, marker)
        self._view = self._words.view()
        return marker

    def vectors_of(self, documents: Sequence[str]) -> Mapping[str, Vector]:
        """By passage, the vectors of documents as of the newest commit."""
        rows = self._view.rows_of("document", documents)
        if not len(rows):
            return {}
        vectors = Vectors.read(self._folder, self.marker).of(rows)
        refs = Columns.read(self._folder, self.marker).refs_of(rows)
        return {ref.passage_id: vector for ref, vector in zip(refs, vectors, strict=True)}

    def close(self) -> None:
        """Close all files."""
        self._words.close()
        for file in self._files.values():
            file.close()
        self._files.clear()

    def _check(self, passages: Sequence[Passage]) -> None:
        wanted = self.marker.dimensions
        for passage in passages:
            if passage.vector.shape != (wanted,):
                raise InvalidRequest(
                    f"the vector of passage {passage.ref.passage_id!r} has "
                    f"{passage.vector.shape[0]} numbers; the index holds {wanted} a vector",
                    next_step="rebuild the index when the embedder has changed",
                )

    def _rows_gone(self, changes: Changes, put: dict[str, Passage]) -> Rows:
        view: WordView = self._view
        replaced = view.rows_of("passage", [*put, *changes.delete_passages])
        dropped = view.rows_of("document", changes.delete_documents)
        return np.union1d(replaced, dropped)

    def _append(self, passages: Sequence[Passage], gone: Rows) -> None:
        end = self._files["refs"].extent.size
        refs = [passage.ref for passage in passages]
        parts = self._batch.encoded(refs, first_row=self.marker.rows, end=end)
        if passages:
            vectors = np.array([passage.vector for passage in passages], np.float32)
            codes, scales = quantised(vectors)
            arrays = (vectors, codes, scales)
            parts |= {name: a.tobytes() for name, a in zip(VECTOR_FILES, arrays, strict=True)}
        parts["gone"] = gone.astype(np.int64).tobytes()
        for name, part in parts.items():
            self._files[name].append(part)
