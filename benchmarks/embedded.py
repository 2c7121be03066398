"""What Befit's process, socket and permits cost the embedded models.

    python -m benchmarks.embedded [--quick] [--json]

The engine called directly in this process and the same engine through Befit's provider,
in turns within one run, so that a busy neighbour slows both. Ratios are medians over the
rounds of one round's pair; the target is at least 0.9. Memory is that of the model
process with both models loaded.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import msgspec
import uvloop

from befit.catalog import ModelCard, Via
from befit.inference import ModelCall, Permit, PermitSeal, TextsCall
from befit.inference.embedded import EmbeddedProvider, ModelProcess, ModelProcessSettings
from befit.inference.embedded.embedder import Embedder
from befit.inference.embedded.engine import Engine, EngineSettings
from befit.inference.embedded.weights import MINILM, SMOLLM2, located
from befit.messages import ChatRequest
from befit.vocabulary import DataClass, Purpose, SizeClass, Zone, new_id

_THREADS = 1
_SLOTS = 4
_WORDS = 52  # about 64 tokens
_LIFETIME_S = 3600.0

Measure = Callable[[], Awaitable[float]]


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much one round does, and how many rounds there are."""

    rounds: int
    tokens: int
    texts: int


QUICK = Size(rounds=3, tokens=64, texts=64)
FULL = Size(rounds=9, tokens=256, texts=512)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One measure: both ways in the same run."""

    measure: str
    unit: str
    direct: float
    befit: float
    ratio: float


class Bench:
    """Both ways to the same models."""

    def __init__(self, provider: EmbeddedProvider, seal: PermitSeal, size: Size) -> None:
        self._provider = provider
        self._seal = seal
        self._size = size
        settings = EngineSettings(slots=_SLOTS, threads=_THREADS)
        self._engine = Engine(located(SMOLLM2), settings)
        self._embedder = Embedder(located(MINILM), threads=_THREADS)
        self._pool = ThreadPoolExecutor(_SLOTS)
        self._texts = tuple(
            " ".join(
                f"word{(n * 7 + k * 3) % 50}" if k % 5 == 0 else "steam" for k in range(_WORDS)
            )
            for n in range(size.texts)
        )

    async def generate_direct(self, callers: int) -> float:
        """Tokens a second over `callers` threads."""
        body = msgspec.json.encode({**self._fields(), "stream": True})
        counts = [0] * callers

        def call(number: int) -> None:
            def on_chunk(chunk: bytes) -> bool:
                counts[number] += b'"content":"' in chunk
                return False

            self._engine.chat(body, on_chunk)

        loop = asyncio.get_running_loop()
        started = time.perf_counter()
        await asyncio.gather(*(loop.run_in_executor(self._pool, call, n) for n in range(callers)))
        return sum(counts) / (time.perf_counter() - started)

    async def generate_befit(self, callers: int) -> float:
        """Tokens a second over `callers` streams through provider and socket."""
        request = ChatRequest.from_json(msgspec.json.encode({"model": SMOLLM2, **self._fields()}))
        permit = self._permit(callers)

        async def call() -> int:
            chat = ModelCall(permit=permit, card=_card(SMOLLM2), request=request)
            return sum([chunk.tokens async for chunk in self._provider.stream(chat)])

        started = time.perf_counter()
        counts = await asyncio.gather(*(call() for _ in range(callers)))
        return sum(counts) / (time.perf_counter() - started)

    async def embed_direct(self, texts: int) -> float:
        """Texts a second, in one call of the engine after another."""
        calls = self._size.texts // texts
        loop = asyncio.get_running_loop()

        def embed() -> None:
            for at in range(calls):
                part = self._texts[at * texts : (at + 1) * texts]
                self._embedder.embed(part)

        started = time.perf_counter()
        await loop.run_in_executor(self._pool, embed)
        return calls * texts / (time.perf_counter() - started)

    async def embed_befit(self, texts: int) -> float:
        """Texts a second, in one call of the provider after another."""
        calls = self._size.texts // texts
        permit = self._permit(calls)
        started = time.perf_counter()
        for at in range(calls):
            part = self._texts[at * texts : (at + 1) * texts]
            await self._provider.embed(TextsCall(permit=permit, card=_card(MINILM), texts=part))
        return calls * texts / (time.perf_counter() - started)

    def _fields(self) -> dict[str, object]:
        return {
            "messages": [{"role": "user", "content": "Tell a long story about a lighthouse."}],
            "max_tokens": self._size.tokens,
            "temperature": 0,
            "logit_bias": [[0, -100], [2, -100]],  # never the end of the text or of the turn
        }

    def _permit(self, calls: int) -> Permit:
        return self._seal.seal(
            Permit(
                permit_id=new_id("permit"),
                tenant="default",
                decision_id="dec_benchmark",
                step="1",
                purpose=Purpose.PROBE,
                data_class=DataClass.PUBLIC,
                models=(SMOLLM2, MINILM),
                reservation_id="res_benchmark",
                expires_at=time.time() + _LIFETIME_S,
                calls=calls,
            )
        )


def _card(name: str) -> ModelCard:
    return ModelCard(
        name=name, family="embedded", size=SizeClass.SMALL, via=Via.EMBEDDED, zone=Zone.DEVICE
    )


async def _compared(name: str, unit: str, *, direct: Measure, befit: Measure, rounds: int) -> Row:
    await direct()  # warm both
    await befit()
    pairs: list[tuple[float, float]] = []
    for number in range(rounds):
        if number % 2:
            second = await befit()
            pairs.append((await direct(), second))
        else:
            pairs.append((await direct(), await befit()))
    return Row(
        measure=name,
        unit=unit,
        direct=round(statistics.median(pair[0] for pair in pairs), 1),
        befit=round(statistics.median(pair[1] for pair in pairs), 1),
        ratio=round(statistics.median(pair[1] / pair[0] for pair in pairs), 3),
    )


async def _measured(size: Size) -> tuple[list[Row], int]:
    boot_key = secrets.token_bytes(32)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        settings = ModelProcessSettings(
            socket=folder / "models.sock",
            log=folder / "models.log",
            artefacts=folder,
            generators=(SMOLLM2,),
            embedders=(MINILM,),
            threads=_THREADS,
            slots=_SLOTS,
        )
        async with ModelProcess(settings, boot_key=boot_key):
            provider = EmbeddedProvider(settings.socket)
            bench = Bench(provider, PermitSeal(boot_key), size)
            rows = [
                await _compared(
                    f"generate, {callers} at once",
                    "tokens/s",
                    direct=lambda n=callers: bench.generate_direct(n),
                    befit=lambda n=callers: bench.generate_befit(n),
                    rounds=size.rounds,
                )
                for callers in (1, _SLOTS)
            ]
            rows += [
                await _compared(
                    f"embed, {texts} a call",
                    "texts/s",
                    direct=lambda n=texts: bench.embed_direct(n),
                    befit=lambda n=texts: bench.embed_befit(n),
                    rounds=size.rounds,
                )
                for texts in (1, size.texts)
            ]
            rss = (await provider.status()).rss_bytes
            await provider.close()
    return rows, rss


def main() -> None:
    """Run, and print a table or one JSON document."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a few seconds instead of minutes")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    options = parser.parse_args()
    size = QUICK if options.quick else FULL
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # the gateway's loop
        rows, rss = runner.run(_measured(size))
    memory = round(rss / 2**20)
    if options.json:
        document = {"rows": [vars(row) for row in rows], "rss_mb": memory, "rounds": size.rounds}
        print(json.dumps(document))
        return
    print(f"{'':24}{'direct':>10}{'befit':>10}{'ratio':>8}")
    for row in rows:
        print(f"{row.measure:24}{row.direct:>10}{row.befit:>10}{row.ratio:>8}  {row.unit}")
    print(f"model process: {memory} MB; medians of {size.rounds} rounds, {_THREADS} thread a model")


if __name__ == "__main__":
    main()
