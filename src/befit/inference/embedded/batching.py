"""`EmbeddingQueue`: one embedder for all requests, batched across them.

Each waiting request gives an equal share of every batch, so that one query's embedding
does not wait behind a bulk of ten thousand texts.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from befit.errors import ModelFailure, Overloaded
from befit.inference.embedded.dimensions import DIMENSIONS
from befit.inference.embedded.embedder import Embedded, Embedder

_ROWS_AT_ONCE = 64
MAX_WAITING_TEXTS = 65_536


class _Job:
    """One request: its texts, the rows still to run (longest last), its vectors."""

    def __init__(self, texts: Sequence[str], done: asyncio.Future[Embedded]) -> None:
        self.texts = texts
        self.done = done
        self._left = deque(sorted(range(len(texts)), key=lambda row: len(texts[row])))
        self._vectors = np.empty((len(texts), DIMENSIONS), np.float32)
        self._tokens = np.zeros(len(texts), np.int64)
        self._given = 0

    def take(self, most: int) -> list[int]:
        return [self._left.popleft() for _ in range(min(most, len(self._left)))]

    def give(self, rows: Sequence[int], found: Embedded) -> None:
        self._vectors[rows] = found.vectors
        self._tokens[rows] = found.tokens
        self._given += len(rows)
        if self._given == len(self.texts) and not self.done.done():
            self.done.set_result(Embedded(vectors=self._vectors, tokens=self._tokens))

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
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="embed")

    @property
    def waiting(self) -> int:
        """Texts that are not yet embedded."""
        return sum(job.waiting for job in self._jobs)

    async def embed(self, texts: Sequence[str]) -> Embedded:
        """One vector a text. Cancelling takes the texts that have not run out again.

        Raises:
            Overloaded: too many texts are waiting.
            ModelFailure: the graph could not run them.
        """
        waiting = self.waiting
        if waiting and waiting + len(texts) > self._max_waiting:
            raise Overloaded(f"{waiting} texts wait to be embedded", next_step="try again soon")
        job = _Job(texts, asyncio.get_running_loop().create_future())
        if not texts:
            job.give(
                [],
                Embedded(
                    vectors=np.empty((0, DIMENSIONS), np.float32), tokens=np.empty(0, np.int64)
                ),
            )
            return await job.done
        self._jobs.append(job)
        if self._runner is None or self._runner.done():
            self._runner = asyncio.create_task(self._run())
        return await job.done

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while picked := self._picked():
            texts = [job.texts[row] for job, rows in picked for row in rows]
            call = loop.run_in_executor(self._thread, self._embedder.embed, texts)
            await asyncio.wait([call])
            if error := call.exception():
                # Whatever a native library raised is these callers' failure, not the queue's.
                for job, _ in picked:
                    if not job.done.done():
                        job.done.set_exception(ModelFailure(f"embedding failed: {error}"))
                continue
            found = call.result()
            start = 0
            for job, rows in picked:
                part = slice(start, start + len(rows))
                job.give(rows, Embedded(vectors=found.vectors[part], tokens=found.tokens[part]))
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
        """Let the thread end once it is idle."""
        self._thread.shutdown(wait=False, cancel_futures=True)
