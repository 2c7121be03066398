"""`EmbeddedModels`: what the model process holds in memory, loaded once each."""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Generic, TypeVar

from befit.errors import BefitError, ModelFailure, NotFound
from befit.inference.embedded.batching import EmbeddingQueue
from befit.inference.embedded.embedder import Embedded, Embedder
from befit.inference.embedded.engine import Engine, EngineSettings
from befit.inference.embedded.generator import Generator
from befit.inference.embedded.specialist import SpecialistArtefact
from befit.inference.embedded.weights import Weights, WeightsKind, located, read_gguf
from befit.inference.embedded.wire import Boot, LoadedModel
from befit.messages import LabelDistribution

_SPECIALISTS = 16
_ARTEFACT = re.compile(r"sha256:([0-9a-f]{64})")

_T = TypeVar("_T")


class EmbeddedModels:
    """Generators and embedders by their weights' name, specialists by their hash.

    What is not loaded yet is loaded on demand, in a thread, once however many ask. A
    load that fails is tried again by the next call, so a later `befit pull` heals it.
    """

    def __init__(self, boot: Boot) -> None:
        self._boot = boot
        self._artefacts = Path(boot.artefacts)
        # One loader: two models at once would need both their peaks of memory.
        self._loader = ThreadPoolExecutor(1, thread_name_prefix="load")
        self._judge = ThreadPoolExecutor(1, thread_name_prefix="classify")
        self._generators: _Shelf[Generator] = _Shelf()
        self._embedders: _Shelf[EmbeddingQueue] = _Shelf()
        self._specialists: _Shelf[SpecialistArtefact] = _Shelf(most=_SPECIALISTS)

    async def load(self) -> None:
        """Load what was named at the start. Raises the first failure."""
        for name in self._boot.embedders:
            await self.embedder(name)
        for name in self._boot.generators:
            await self.generator(name)

    async def generator(self, name: str) -> Generator:
        """The generator of the weights `name`.

        Raises:
            WeightsMissing, NotFound, ModelFailure: it cannot be loaded.
        """
        return await self._generators.get(name, lambda: self._in_thread(self._load_generator, name))

    async def embedder(self, name: str) -> EmbeddingQueue:
        """The embedder of the weights `name`. Raises as `generator`."""
        return await self._embedders.get(name, lambda: self._load_embedder(name))

    async def classify(
        self, artefact: str, texts: Sequence[str]
    ) -> tuple[tuple[LabelDistribution, ...], Embedded]:
        """One distribution a text by the specialist `artefact` (`sha256:<hex>`).

        Raises:
            NotFound, WorkspaceError: no such artefact, or its files are not what they were.
            Overloaded, WeightsMissing: see `embedder`.
        """
        specialist = await self._specialists.get(
            artefact, lambda: self._in_thread(self._load_specialist, artefact)
        )
        queue = await self.embedder(specialist.embedder)
        embedded = await queue.embed(texts)
        if not texts:
            return (), embedded
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(
            self._judge, specialist.classify, embedded.vectors, texts
        )
        return found, embedded

    def loaded(self) -> tuple[LoadedModel, ...]:
        """What is in memory now, and how busy it is."""
        generators = [
            LoadedModel(
                name=name,
                kind=WeightsKind.GENERATOR.value,
                busy=generator.busy,
                waiting=generator.waiting,
                context_tokens=generator.context_tokens,
            )
            for name, generator in self._generators.items()
        ]
        embedders = [
            LoadedModel(name=name, kind=WeightsKind.EMBEDDER.value, waiting=queue.waiting)
            for name, queue in self._embedders.items()
        ]
        specialists = [
            LoadedModel(name=name, kind="specialist") for name, _ in self._specialists.items()
        ]
        return (*generators, *embedders, *specialists)

    async def _in_thread(self, load: Callable[[str], _T], name: str) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._loader, load, name)

    def _load_generator(self, name: str) -> Generator:
        weights = _of_kind(name, WeightsKind.GENERATOR)
        header = read_gguf(weights.main)
        context = min(self._boot.context_tokens, header.context_length or self._boot.context_tokens)
        settings = EngineSettings(
            slots=self._boot.slots, context_tokens=context, threads=self._boot.threads
        )
        return Generator(Engine(weights, settings), header, settings=settings)

    async def _load_embedder(self, name: str) -> EmbeddingQueue:
        return EmbeddingQueue(await self._in_thread(self._load_session, name))

    def _load_session(self, name: str) -> Embedder:
        weights = _of_kind(name, WeightsKind.EMBEDDER)
        return Embedder(weights, threads=self._boot.threads)

    def _load_specialist(self, artefact: str) -> SpecialistArtefact:
        match = _ARTEFACT.fullmatch(artefact)
        if match is None:
            raise NotFound(f"{artefact!r} is not the hash of an artefact (sha256:<hex>)")
        return SpecialistArtefact.load(self._artefacts / match.group(1), artefact)


def _of_kind(name: str, kind: WeightsKind) -> Weights:
    weights = located(name)
    if weights.kind is not kind:
        raise NotFound(
            f"the weights {name!r} are of kind {weights.kind.value}, not {kind.value}",
            next_step="name others in the model's card",
        )
    return weights


class _Shelf(Generic[_T]):
    """Things loaded by name: once each, the least recently used dropped past `most`."""

    def __init__(self, *, most: int | None = None) -> None:
        self._most = most
        self._tasks: OrderedDict[str, asyncio.Task[_T]] = OrderedDict()

    async def get(self, name: str, load: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
        task = self._tasks.get(name)
        if task is None:
            task = asyncio.create_task(load())
            self._tasks[name] = task
            task.add_done_callback(lambda done: self._forget_failed(name, done))
        self._tasks.move_to_end(name)
        while self._most and len(self._tasks) > self._most:
            self._tasks.popitem(last=False)
        # Waited for, not awaited: a caller that goes away must not take it from the others.
        await asyncio.wait([task])
        error = task.exception()
        if error is not None and not isinstance(error, BefitError):
            raise ModelFailure(f"{name!r} could not be loaded: {error}") from error
        return task.result()

    def items(self) -> list[tuple[str, _T]]:
        return [
            (name, task.result())
            for name, task in self._tasks.items()
            if task.done() and not task.cancelled() and not task.exception()
        ]

    def _forget_failed(self, name: str, task: asyncio.Task[_T]) -> None:
        if (task.cancelled() or task.exception()) and self._tasks.get(name) is task:
            del self._tasks[name]
