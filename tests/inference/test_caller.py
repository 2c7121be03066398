import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from befit.catalog import ModelCard, Via
from befit.errors import ModelFailure, ModelRefused, PermitDenied, StreamBroken, WorkspaceError
from befit.inference import (
    OPENAI_COMPATIBLE,
    Breaker,
    BreakerRules,
    HttpClient,
    ModelCall,
    ModelCaller,
    OpenAICompatibleProvider,
    Permit,
    PermitGate,
    PermitSeal,
    TextsCall,
)
from befit.messages import ChatRequest
from befit.testing import Reply, ScriptedUpstream
from befit.vocabulary import DataClass, Purpose, SizeClass, Zone, new_id

_KEY = b"k" * 32
_DOWN = Reply(status=503, text="down")


class _Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> _Clock:
    return _Clock()


@pytest.fixture
async def caller(clock: _Clock) -> AsyncIterator[ModelCaller]:
    client = HttpClient()
    provider = OpenAICompatibleProvider(client)
    yield ModelCaller(
        PermitGate(_KEY),
        dict.fromkeys(OPENAI_COMPATIBLE, provider),
        rules=BreakerRules(failures=3, pause_s=5, longest_pause_s=15),
        clock=clock,
    )
    client.close()


def _permit(*models: str, calls: int = 1) -> Permit:
    return PermitSeal(_KEY).seal(
        Permit(
            permit_id=new_id("permit"),
            tenant="default",
            decision_id="dec",
            step="1",
            purpose=Purpose.ANSWER,
            data_class=DataClass.PUBLIC,
            models=models,
            reservation_id="res",
            expires_at=time.time() + 60,
            calls=calls,
        )
    )


def _card(upstream: ScriptedUpstream, name: str = "mine") -> ModelCard:
    return ModelCard(
        name=name,
        family="test",
        size=SizeClass.SMALL,
        via=Via.VLLM,
        zone=Zone.DEVICE,
        url=upstream.url,
        upstream_model="test-model",
    )


def _call(upstream: ScriptedUpstream, permit: Permit | None = None) -> ModelCall:
    return ModelCall(
        permit=permit or _permit("mine"),
        card=_card(upstream),
        request=ChatRequest.from_text("a", model="mine"),
    )


async def _fail(caller: ModelCaller, upstream: ScriptedUpstream, *, times: int = 1) -> None:
    for _ in range(times):
        upstream.script(_DOWN)
        with pytest.raises(ModelRefused):
            await caller.chat(_call(upstream))


@pytest.mark.parametrize("kind", ["unsealed", "other model", "used up"])
async def test_no_call_of_any_kind_opens_a_connection_without_a_permit(
    caller: ModelCaller, kind: str
) -> None:
    async with ScriptedUpstream() as upstream:
        for method in ("chat", "stream", "embed", "classify"):
            if kind == "unsealed":
                permit = Permit(
                    permit_id="permit",
                    tenant="default",
                    decision_id="dec",
                    step="1",
                    purpose=Purpose.ANSWER,
                    data_class=DataClass.PUBLIC,
                    models=("mine",),
                    reservation_id="res",
                    expires_at=time.time() + 60,
                )
            else:
                permit = _permit("another") if kind == "other model" else _permit("mine", calls=0)
            texts = TextsCall(permit=permit, card=_card(upstream), texts=("a",))
            with pytest.raises(PermitDenied):
                match method:
                    case "chat":
                        await caller.chat(_call(upstream, permit))
                    case "stream":
                        await anext(caller.stream(_call(upstream, permit)))
                    case "embed":
                        await caller.embed(texts)
                    case _:
                        await caller.classify(texts)
        assert upstream.connections == 0
    assert caller.health("mine").consecutive_failures == 0


async def test_permit_is_used_once_a_call(caller: ModelCaller) -> None:
    permit = _permit("mine", calls=2)
    async with ScriptedUpstream() as upstream:
        assert (await caller.chat(_call(upstream, permit))).text == "ok"
        assert [chunk async for chunk in caller.stream(_call(upstream, permit))]
        with pytest.raises(PermitDenied):
            await caller.chat(_call(upstream, permit))
        assert len(upstream.requests) == 2


async def test_embedding_of_many_texts_is_one_use(caller: ModelCaller) -> None:
    async with ScriptedUpstream() as upstream:
        call = TextsCall(permit=_permit("mine"), card=_card(upstream), texts=("a", "b", "c"))
        assert len((await caller.embed(call)).rows) == 3


async def test_listing_models_needs_no_permit(caller: ModelCaller) -> None:
    async with ScriptedUpstream() as upstream:
        assert await caller.list_models(_card(upstream)) == ("test-model",)
        assert [request.method for request in upstream.requests] == ["GET"]


async def test_kind_of_server_without_a_provider_is_named() -> None:
    caller = ModelCaller(PermitGate(_KEY), {})
    async with ScriptedUpstream() as upstream:
        with pytest.raises(WorkspaceError, match="'mine' is via vllm"):
            await caller.chat(_call(upstream))


async def test_closing_a_stream_closes_it_upstream_at_once(caller: ModelCaller) -> None:
    async with ScriptedUpstream(Reply(text="a " * 100, token_delay_s=0.02)) as upstream:
        chunks = caller.stream(_call(upstream))
        await anext(chunks)
        await chunks.aclose()
        await asyncio.sleep(0.02)
        assert upstream.disconnects == 1
    assert caller.health("mine").consecutive_failures == 0


async def test_model_that_keeps_failing_is_left_alone_then_tried_once(
    caller: ModelCaller, clock: _Clock
) -> None:
    async with ScriptedUpstream() as upstream:
        await _fail(caller, upstream, times=2)
        assert caller.health("mine").is_usable
        await _fail(caller, upstream)
        health = caller.health("mine")
        assert (health.breaker, health.is_usable) == (Breaker.OPEN, False)
        assert (health.consecutive_failures, health.retry_in_s) == (3, 5.0)
        assert health.last_error == "model_refused (503)"  # and not what the upstream said
        assert health.last_error_s_ago == 0.0
        clock.now += 5
        assert caller.health("mine").breaker is Breaker.HALF_OPEN
        upstream.script(Reply(delay_s=0.05))
        trial = asyncio.create_task(caller.chat(_call(upstream)))
        await asyncio.sleep(0.01)
        assert not caller.health("mine").is_usable  # one trial at a time
        await trial
        assert caller.health("mine").breaker is Breaker.CLOSED


async def test_pause_doubles_with_each_failed_trial_up_to_its_bound(
    caller: ModelCaller, clock: _Clock
) -> None:
    pauses: list[float] = []
    async with ScriptedUpstream() as upstream:
        await _fail(caller, upstream, times=2)
        for _ in range(4):
            await _fail(caller, upstream)
            pauses.append(caller.health("mine").retry_in_s)
            clock.now += pauses[-1]
    assert pauses == [5, 10, 15, 15]


async def test_success_clears_failures(caller: ModelCaller) -> None:
    async with ScriptedUpstream() as upstream:
        for _ in range(3):
            await _fail(caller, upstream, times=2)
            await caller.chat(_call(upstream))
    assert caller.health("mine").is_usable


async def test_request_that_was_wrong_says_nothing_about_the_model(caller: ModelCaller) -> None:
    async with ScriptedUpstream(Reply(status=400, text="bad field")) as upstream:
        for _ in range(5):
            with pytest.raises(ModelRefused):
                await caller.chat(_call(upstream))
    assert caller.health("mine").consecutive_failures == 0


async def test_broken_streams_and_dead_servers_count(caller: ModelCaller) -> None:
    async with ScriptedUpstream(Reply(text="a b c", cut_after=3)) as upstream:
        with pytest.raises(StreamBroken):
            async for _ in caller.stream(_call(upstream)):
                pass
    with pytest.raises(ModelFailure):
        await caller.chat(_call(upstream))
    with pytest.raises(ModelFailure):
        await caller.list_models(_card(upstream))
    assert caller.health("mine").breaker is Breaker.OPEN


async def test_server_that_lists_models_again_gets_a_trial_at_once(caller: ModelCaller) -> None:
    async with ScriptedUpstream() as upstream:
        await _fail(caller, upstream, times=3)
        await caller.list_models(_card(upstream))
        health = caller.health("mine")
    assert (health.breaker, health.consecutive_failures) == (Breaker.HALF_OPEN, 3)


async def test_cancelled_call_is_no_failure(caller: ModelCaller) -> None:
    async with ScriptedUpstream(Reply(delay_s=30)) as upstream:
        for _ in range(3):
            task = asyncio.create_task(caller.chat(_call(upstream)))
            await asyncio.sleep(0.01)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    assert caller.health("mine").consecutive_failures == 0


async def test_each_model_has_a_health_of_its_own(caller: ModelCaller) -> None:
    async with ScriptedUpstream() as upstream:
        await _fail(caller, upstream, times=3)
        assert not caller.health("mine").is_usable
        assert caller.health("other").is_usable
