"""The model process answers nothing without a permit that it can verify itself."""

from __future__ import annotations

import asyncio
import secrets
import stat
import struct
from dataclasses import replace

import msgspec
import pytest

from befit.catalog import SpecialistRef
from befit.errors import PermitDenied
from befit.inference import PermitSeal
from befit.inference.embedded.wire import (
    MAX_FRAME_BYTES,
    Failed,
    Status,
    StatusAsk,
    decode_reply,
    frame,
    read_frame,
)
from befit.vocabulary import DataClass

HEADER = struct.Struct(">II")


def forged(permit, running):
    return replace(permit, mac=secrets.token_bytes(32))


def other_boot(permit, running):
    return PermitSeal(secrets.token_bytes(32)).seal(permit)


def widened(permit, running):
    return replace(permit, data_class=DataClass.PUBLIC, calls=100)


def for_another_model(permit, running):
    return running.permit("another")


def expired(permit, running):
    return running.permit(lifetime_s=-1)


def missing(permit, running):
    return replace(permit, mac=b"")


REFUSED = [missing, forged, other_boot, widened, for_another_model, expired]


@pytest.mark.parametrize("spoil", REFUSED, ids=lambda spoil: spoil.__name__)
async def test_nothing_is_answered_without_a_valid_permit(running, provider, spoil) -> None:
    permit = spoil(running.permit(), running)
    with pytest.raises(PermitDenied):
        await provider.chat(running.chat(permit=permit, max_tokens=1))
    with pytest.raises(PermitDenied):
        await anext(provider.stream(running.chat(permit=permit, max_tokens=1)))
    with pytest.raises(PermitDenied):
        await provider.chat(running.chat(permit=permit, labels=("a", "b")))
    with pytest.raises(PermitDenied):
        await provider.embed(running.texts("text", permit=permit))


async def test_a_permit_is_used_up_by_its_number_of_calls(running, provider) -> None:
    permit = running.permit(calls=2)
    for _ in range(2):
        await provider.embed(running.texts("text", permit=permit))
    with pytest.raises(PermitDenied, match="2 call"):
        await provider.embed(running.texts("text", permit=permit))


async def test_a_specialist_needs_a_permit_before_anything_is_read(running, provider) -> None:
    call = running.texts("text", permit=forged(running.permit(), running))
    specialist = SpecialistRef(workflow="w", artefact=f"sha256:{'0' * 64}", labels=("a",))
    with pytest.raises(PermitDenied):
        await provider.classify(replace(call, card=replace(call.card, specialist=specialist)))


async def test_the_socket_is_its_owners_alone(running) -> None:
    socket = running.settings.socket
    assert stat.S_IMODE(socket.stat().st_mode) == 0o600
    assert [path.name for path in socket.parent.iterdir()] == [socket.name]


async def opened(running):
    return await asyncio.open_unix_connection(str(running.settings.socket))


async def reply_of(reader):
    found = await asyncio.wait_for(read_frame(reader), 20)
    assert found is not None
    return decode_reply(found[1])


async def test_status_needs_no_permit_and_tells_models_and_memory(running, provider) -> None:
    status = await provider.status()
    assert {model.name for model in status.models} == {"smollm2-135m", "minilm-l6"}
    assert 0 < status.rss_bytes < 550 * 2**20
    assert await provider.list_models(running.chat().card) == ("smollm2-135m", "minilm-l6")


BROKEN = {
    "oversized": HEADER.pack(MAX_FRAME_BYTES + 1, 1),
    "no msgpack": HEADER.pack(3, 1) + b"\xc1\xc1\xc1",
    "no message": HEADER.pack(1, 1) + msgspec.msgpack.encode(7),
    "unknown tag": HEADER.pack(15, 1) + msgspec.msgpack.encode({"type": "fetch me"}),
    "no text": HEADER.pack(13, 1) + b"\x81\xa4type\xa6" + b"\xff" * 6,
    "cut short": HEADER.pack(100, 1) + b"half",
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN)
async def test_a_broken_frame_closes_its_connection_only(running, provider, data) -> None:
    reader, writer = await opened(running)
    other_reader, other = await opened(running)
    writer.write(data)
    if data is BROKEN["cut short"]:
        writer.write_eof()
    assert await asyncio.wait_for(reader.read(), 20) == b""
    other.write(frame(1, StatusAsk()))
    assert isinstance(await reply_of(other_reader), Status)
    for one in (writer, other):
        one.close()


async def test_a_call_id_in_use_closes_the_connection(running) -> None:
    reader, writer = await opened(running)
    ask = {"type": "chat", "permit": running.permit(), "model": "smollm2-135m",
           "weights": "smollm2-135m", "body": b'{"messages":[{"role":"user","content":"Story"}]}',
           "stream": True}  # fmt: skip
    payload = msgspec.msgpack.encode(ask)
    for _ in range(2):
        writer.write(HEADER.pack(len(payload), 5) + payload)
    await asyncio.wait_for(reader.read(), 20)
    writer.close()


async def test_a_dropped_connection_ends_its_calls(running, provider, eventually) -> None:
    _, writer = await opened(running)
    ask = {"type": "chat", "permit": running.permit(), "model": "smollm2-135m",
           "weights": "smollm2-135m", "body": b'{"messages":[{"role":"user","content":"Story"}]}',
           "stream": True}  # fmt: skip
    payload = msgspec.msgpack.encode(ask)
    writer.write(HEADER.pack(len(payload), 1) + payload)

    async def busy(count: int) -> bool:
        return (await provider.status()).models[0].busy == count

    await eventually(lambda: busy(1))
    writer.close()
    await eventually(lambda: busy(0))


async def test_a_body_that_is_no_chat_fails_the_call_and_nothing_else(running) -> None:
    reader, writer = await opened(running)
    for number, body in enumerate((b"", b"[]", b"{}", b'{"messages":3}', b"\xff"), start=1):
        ask = {"type": "chat", "permit": running.permit(), "model": "smollm2-135m",
               "weights": "smollm2-135m", "body": body}  # fmt: skip
        payload = msgspec.msgpack.encode(ask)
        writer.write(HEADER.pack(len(payload), number) + payload)
        assert isinstance(await reply_of(reader), Failed)
    writer.write(frame(9, StatusAsk()))
    assert isinstance(await reply_of(reader), Status)
    writer.close()
