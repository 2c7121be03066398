"""The model process is spawned, watched, restarted after a crash, and ends with its parent."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest

from befit.errors import (
    ModelCrashed,
    ModelUnreachable,
    NotFound,
    StreamBroken,
    WeightsMissing,
)
from befit.inference.embedded import EmbeddedProvider, ModelProcess, ModelProcessSettings
from befit.inference.embedded.weights import MINILM, SMOLLM2


def settings_in(folder: Path) -> ModelProcessSettings:
    return ModelProcessSettings(
        socket=folder / "run" / "models.sock",
        log=folder / "logs" / "models.log",
        artefacts=folder / "artefacts",
        threads=1,
    )


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_a_crash_fails_the_calls_in_flight_and_is_mended(
    running, tmp_path, eventually
) -> None:
    settings = replace(settings_in(tmp_path), generators=(SMOLLM2,))
    async with ModelProcess(settings, boot_key=running.boot_key) as process:
        provider = EmbeddedProvider(settings.socket)
        first = process.pid
        whole = asyncio.create_task(provider.chat(running.chat(max_tokens=2000)))
        stream = provider.stream(running.chat(max_tokens=2000))
        await anext(stream)
        os.kill(first, signal.SIGKILL)
        with pytest.raises(ModelCrashed) as crash:
            await whole
        assert crash.value.retry
        with pytest.raises(StreamBroken):
            async for _ in stream:
                pass
        await eventually(lambda: process.restarts == 1)
        answer = await provider.chat(running.chat("Say hello.", max_tokens=4))
        assert answer.text
        assert process.pid != first
        await provider.close()


async def test_what_is_not_loaded_is_loaded_by_the_first_call(running, tmp_path) -> None:
    settings = settings_in(tmp_path)
    async with ModelProcess(settings, boot_key=running.boot_key):
        provider = EmbeddedProvider(settings.socket)
        assert await provider.list_models(running.chat().card) == ()
        calls = [provider.embed(running.texts(f"text {n}")) for n in range(5)]
        assert all(len(found.rows) == 1 for found in await asyncio.gather(*calls))
        assert await provider.list_models(running.chat().card) == (MINILM,)
        missing = running.texts("text", permit=running.permit("no-such-model"))
        with pytest.raises(WeightsMissing, match="befit pull no-such-model"):
            await provider.embed(replace(missing, card=replace(missing.card, name="no-such-model")))
        wrong = running.texts("text", permit=running.permit(SMOLLM2))
        with pytest.raises(NotFound, match="generator, not embedder"):
            await provider.embed(replace(wrong, card=replace(wrong.card, name=SMOLLM2)))
        await provider.close()


async def test_missing_weights_are_named_at_the_start_and_nothing_is_left_running(
    pulled, tmp_path
) -> None:
    settings = replace(settings_in(tmp_path), generators=("nowhere",))
    process = ModelProcess(settings, boot_key=secrets.token_bytes(32))
    with pytest.raises(WeightsMissing, match="befit pull nowhere"):
        await process.start()
    assert process.pid is None
    assert not settings.socket.exists()


async def test_stopping_takes_process_and_socket_away(pulled, tmp_path) -> None:
    settings = settings_in(tmp_path)
    process = ModelProcess(settings, boot_key=secrets.token_bytes(32))
    await process.start()
    pid = process.pid
    assert pid is not None
    await process.stop()
    assert not is_alive(pid)
    assert not settings.socket.exists()
    await process.stop()  # once more does no harm


async def test_a_path_longer_than_a_socket_address_works(running, tmp_path) -> None:
    folder = tmp_path.joinpath(*(["a folder with a long name"] * 8))
    settings = settings_in(folder)
    assert len(str(settings.socket)) > 200
    async with ModelProcess(settings, boot_key=running.boot_key):
        provider = EmbeddedProvider(settings.socket)
        assert (await provider.status()).ready
        await provider.close()


async def test_a_socket_that_nobody_serves_is_replaced(running, tmp_path) -> None:
    settings = settings_in(tmp_path)
    settings.socket.parent.mkdir(parents=True)
    settings.socket.write_bytes(b"")
    async with ModelProcess(settings, boot_key=running.boot_key):
        provider = EmbeddedProvider(settings.socket)
        assert (await provider.status()).ready
        await provider.close()


async def test_a_process_that_is_not_up_is_unreachable(running, tmp_path) -> None:
    provider = EmbeddedProvider(tmp_path / "models.sock")
    call = running.chat()
    call = replace(call, card=replace(call.card, connect_timeout_s=0.2))
    with pytest.raises(ModelUnreachable, match="does not listen"):
        await provider.chat(call)


async def test_it_listens_on_no_port_and_shows_no_key(running) -> None:
    provider = EmbeddedProvider(running.settings.socket)
    pid = (await provider.status()).pid
    await provider.close()
    process = Path(f"/proc/{pid}")
    own = {str(fd.readlink()) for fd in (process / "fd").iterdir()}
    listening = [
        line
        for table in ("tcp", "tcp6")
        for line in (process / "net" / table).read_text().splitlines()[1:]
        if f"socket:[{line.split()[9]}]" in own
    ]
    assert listening == []
    for place in ("cmdline", "environ"):
        shown = (process / place).read_bytes()
        assert running.boot_key not in shown
        assert running.boot_key.hex().encode() not in shown


PARENT = """
import asyncio, secrets, sys
from pathlib import Path
from befit.inference.embedded import ModelProcess, ModelProcessSettings

async def main():
    folder = Path(sys.argv[1])
    settings = ModelProcessSettings(
        socket=folder / "models.sock", log=folder / "models.log", artefacts=folder, threads=1
    )
    process = ModelProcess(settings, boot_key=secrets.token_bytes(32))
    await process.start()
    print(process.pid, flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


async def test_it_ends_when_its_parent_is_killed(tmp_path, eventually) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", textwrap.dedent(PARENT), str(tmp_path),
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    pid = int(await parent.stdout.readline())
    assert is_alive(pid)
    parent.kill()
    await parent.wait()
    await eventually(lambda: not is_alive(pid))
