"""One real model process with the embedder, for all tests that search or quote."""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
from collections.abc import Callable, Coroutine, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from befit.catalog import ModelCard, Via
from befit.inference import PermitSeal, TextsCall
from befit.inference.embedded import EmbeddedProvider, ModelProcess, ModelProcessSettings
from befit.inference.embedded.weights import MINILM
from befit.inference.permit import Permit
from befit.knowledge.index import Vector
from befit.platform import Platform
from befit.testing.shelving import Shelf
from befit.vocabulary import DataClass, Purpose, SizeClass, Zone, new_id

CARD = """
  minilm-l6:
    via: embedded
    weights: minilm-l6
    family: minilm
    size: small
    context_window: 256
    capabilities: [embeddings]
"""
"""The embedder's entry in `befit.yaml`, as `befit init` writes it."""


@dataclass(frozen=True)
class RunningEmbedder:
    """A model process that takes permits of `boot_key`."""

    socket: Path
    boot_key: bytes

    async def embed(self, texts: Sequence[str]) -> Vector:
        """Vectors as a bulk would get them, under a permit of the test's own."""
        card = ModelCard(
            name=MINILM, family="minilm", size=SizeClass.SMALL, via=Via.EMBEDDED, zone=Zone.DEVICE
        )
        permit = Permit(
            permit_id=new_id("permit"),
            tenant="default",
            decision_id="dec_test",
            step="1",
            purpose=Purpose.EMBEDDING,
            data_class=DataClass.RESTRICTED,
            models=(MINILM,),
            reservation_id="res_test",
            expires_at=time.time() + 60,
        )
        provider = EmbeddedProvider(self.socket)
        try:
            permit = PermitSeal(self.boot_key).seal(permit)
            found = await provider.embed(TextsCall(permit=permit, card=card, texts=tuple(texts)))
        finally:
            await provider.close()
        flat = np.frombuffer(b"".join(found.rows), dtype="<f4")
        return flat.reshape(len(texts), found.dimensions)

    def shelf(self, platform: Platform) -> Shelf:
        """Where documents are put that the platform shall find."""
        return Shelf(stores=platform.stores.knowledge, library=platform.library, embed=self.embed)


@contextmanager
def running_embedder(folder: Path) -> Generator[RunningEmbedder]:
    """Start it in a loop of its own, so that tests of any loop share it."""
    settings = ModelProcessSettings(
        socket=folder / "run" / "models.sock",
        log=folder / "logs" / "models.log",
        artefacts=folder / "artefacts",
        threads=1,
        generators=(),
        embedders=(MINILM,),
    )
    key = secrets.token_bytes(32)
    process = ModelProcess(settings, boot_key=key)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    _in(loop, process.start)
    try:
        yield RunningEmbedder(settings.socket, key)
    finally:
        _in(loop, process.stop)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def _in(
    loop: asyncio.AbstractEventLoop, work: Callable[[], Coroutine[object, object, object]]
) -> None:
    asyncio.run_coroutine_threadsafe(work(), loop).result(120)
