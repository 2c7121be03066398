"""`EmbeddingQueue`: one embedder for all requests, batched across them.

Each waiting request gives an equal share of every batch, so that one query's embedding
does not wait behind a bulk of ten thousand texts.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from befit.errors import Overloaded
from befit.inference.embedded.embedder import Embedder, TokenIds

_ROWS_AT_ONCE = 64
MAX_WAITING_TEXTS = 65_536


@dataclass(frozen=True, kw_only=True, slots=True)
class Embedded:
    """The vectors of one request, [n, dimensions], and how many tokens they took."""

    vectors: NDArray[np.float32]
    tokens: int


class _Job:
    """One request: its texts, the rows still to run (longest last), its vectors."""

    def __init__(self, texts: list[TokenIds], done: asyncio.Future[Embedded]) -> None:
        self.texts = texts
        self.done = done
        self._left = deque(sorted(range(len(texts)), key=lambda row: len(texts[row])))
        self._vectors: NDArray[np.float32] | None = None

    def take(self, most: int) -> list[int]:
        return [self._left.popleft() for _ in range(min(most, len(self._left)))]

    def give(self, rows: Sequence[int], vectors: NDArray[np.float32]) -> None:
        if self._vectors is None:
            self._vectors = np.empty((len(self.texts), vectors.shape[1]), np.float32)
        self._vectors[rows] = vectors
        if not self._left and not self.done.done():
            tokens = sum(len(text) for text in self.texts)
            self.done.set_result(Embedded(vectors=self._vectors, tokens=tokens))

    @property
    def waiting(self) -> int:
        return 0 if self.done.done() else len(self._left)


class EmbeddingQueue:
    """Embeds texts of many requests in one thread. Use within one event loop."""

    def __init__(self, embedder: Embedder, *, max_waiting_texts: int = MAX_WAITING_TEXTS) -> None:
        self._embedder = embedder
        self._max_waiting = max_waiting_texts
        self._jobs: deque[_Job] = deque()
        self._runner: asyncio.Task[None] | None = None
        # One thread runs the graph; the other tokenises the next request meanwhile.
        self._graph_thread = ThreadPoolExecutor(1, thread_name_prefix="embed")
        self._text_thread = ThreadPoolExecutor(1, thread_name_prefix="tokenise")

    @property
    def waiting(self) -> int:
        """Texts that are not yet embedded."""
        return sum(job.waiting for job in self._jobs)

    async def embed(self, texts: Sequence[str]) -> Embedded:
        """One vector a text. Cancelling takes the texts that have not run out again.

        Raises:
            Overloaded: too many texts are waiting.
        """
        if self.waiting and self.waiting + len(texts) > self._max_waiting:
            raise Overloaded(
                f"{self.waiting} texts wait for the embedder", next_step="try again in a moment"
            )
        loop = asyncio.get_running_loop()
        tokenised = await loop.run_in_executor(self._text_thread, self._embedder.tokenise, texts)
        if not tokenised:
            return Embedded(vectors=np.empty((0, 0), np.float32), tokens=0)
        job = _Job(tokenised, loop.create_future())
        self._jobs.append(job)
        if self._runner is None or self._runner.done():
            self._runner = asyncio.create_task(self._run())
        return await job.done

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while picked := self._picked():
            texts = [job.texts[row] for job, rows in picked for row in rows]
            try:
                vectors = await loop.run_in_executor(
                    self._graph_thread, self._embedder.vectors, texts
                )
            except RuntimeError as error:  # what onnxruntime's errors derive from
                for job, _ in picked:
                    if not job.done.done():
                        job.done.set_exception(error)
                continue
            start = 0
            for job, rows in picked:
                job.give(rows, vectors[start : start + len(rows)])
                start += len(rows)

    def _picked(self) -> list[tuple[_Job, list[int]]]:
        self._jobs = deque(job for job in self._jobs if job.waiting)
        if not self._jobs:
            return []
        share = max(1, _ROWS_AT_ONCE // len(self._jobs))
        picked: list[tuple[_Job, list[int]]] = []
        free = _ROWS_AT_ONCE
        for _ in range(min(len(self._jobs), _ROWS_AT_ONCE)):
            job = self._jobs[0]
            self._jobs.rotate(-1)
            rows = job.take(min(share, free))
            free -= len(rows)
            picked.append((job, rows))
        return picked

    def close(self) -> None:
        """Let the threads end once they are idle."""
        self._graph_thread.shutdown(wait=False, cancel_futures=True)
        self._text_thread.shutdown(wait=False, cancel_futures=True)
