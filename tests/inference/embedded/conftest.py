"""One real model process for the tests of this room, and cards and permits for it."""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

from befit.catalog import ModelCard, Via
from befit.errors import WeightsMissing
from befit.inference import ModelCall, Permit, PermitSeal, TextsCall
from befit.inference.embedded import EmbeddedProvider, ModelProcess, ModelProcessSettings
from befit.inference.embedded.weights import MINILM, SMOLLM2, WeightsCache
from befit.messages import ChatRequest
from befit.vocabulary import DataClass, Purpose, SizeClass, Zone, new_id


@pytest.fixture(scope="session")
def pulled() -> None:
    """Skip, saying what to do, where the weights have not been pulled."""
    for name in (SMOLLM2, MINILM):
        try:
            WeightsCache.of_user().located(name)
        except WeightsMissing as error:
            pytest.skip(f"real weights are needed: {error}")


def card(name: str) -> ModelCard:
    """An embedded model's card."""
    return ModelCard(
        name=name, family="test", size=SizeClass.SMALL, via=Via.EMBEDDED, zone=Zone.DEVICE
    )


@dataclass(frozen=True)
class Running:
    """A model process, and permits that it accepts."""

    settings: ModelProcessSettings
    boot_key: bytes

    def permit(self, *models: str, calls: int = 1, lifetime_s: float = 60.0) -> Permit:
        return PermitSeal(self.boot_key).seal(
            Permit(
                permit_id=new_id("permit"),
                tenant="default",
                decision_id="dec_test",
                step="1",
                purpose=Purpose.ANSWER,
                data_class=DataClass.RESTRICTED,
                models=models or (SMOLLM2, MINILM),
                reservation_id="res_test",
                expires_at=time.time() + lifetime_s,
                calls=calls,
            )
        )

    def chat(
        self,
        text: str = "Tell a long story.",
        *,
        permit: Permit | None = None,
        labels: tuple[str, ...] = (),
        **fields: object,
    ) -> ModelCall:
        body = {"model": "m", "messages": [{"role": "user", "content": text}], **fields}
        return ModelCall(
            permit=permit or self.permit(),
            card=card(SMOLLM2),
            request=ChatRequest.from_json(msgspec.json.encode(body)),
            labels=labels,
        )

    def texts(self, *texts: str, permit: Permit | None = None) -> TextsCall:
        return TextsCall(permit=permit or self.permit(), card=card(MINILM), texts=texts)


def settings_in(folder: Path) -> ModelProcessSettings:
    return ModelProcessSettings(
        socket=folder / "run" / "models.sock",
        log=folder / "logs" / "models.log",
        artefacts=folder / "artefacts",
        threads=1,
    )


@pytest.fixture(scope="session")
def running(pulled: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A model process with both models, shared by all tests that do not hurt it."""
    settings = replace(
        settings_in(tmp_path_factory.mktemp("models")),
        generators=(SMOLLM2,),
        embedders=(MINILM,),
    )
    key = secrets.token_bytes(32)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def in_loop(coroutine: object) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, loop).result(120)

    process = ModelProcess(settings, boot_key=key)
    in_loop(process.start())
    yield Running(settings, key)
    in_loop(process.stop())
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest_asyncio.fixture
async def provider(running: Running):
    """A client of the shared process."""
    client = EmbeddedProvider(running.settings.socket)
    yield client
    await client.close()


@pytest.fixture
def eventually() -> Callable[..., object]:
    """Wait for a condition, however slow the machine is."""

    async def wait(condition: Callable[[], object], within_s: float = 30.0) -> None:
        deadline = time.monotonic() + within_s
        while True:
            found = condition()
            if asyncio.iscoroutine(found):
                found = await found
            if found:
                return
            assert time.monotonic() < deadline, "it did not come true"
            await asyncio.sleep(0.02)

    return wait
