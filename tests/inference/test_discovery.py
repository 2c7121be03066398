import asyncio
import time
from collections.abc import AsyncIterator

import msgspec
import pytest

from befit.catalog import Capability, ModelCard, Via
from befit.errors import ModelRefused, PermitDenied
from befit.inference import (
    OPENAI_COMPATIBLE,
    USUAL_PORTS,
    HttpClient,
    ModelCaller,
    OpenAICompatibleProvider,
    Permit,
    PermitGate,
    PermitSeal,
    discover,
    find_keys,
    probe,
)
from befit.testing import Guise, Reply, ScriptedUpstream
from befit.vocabulary import DataClass, Purpose, SizeClass, Zone

_KEY = b"k" * 32


@pytest.fixture
async def client() -> AsyncIterator[HttpClient]:
    client = HttpClient()
    yield client
    client.close()


@pytest.fixture
def caller(client: HttpClient) -> ModelCaller:
    provider = OpenAICompatibleProvider(client)
    return ModelCaller(PermitGate(_KEY), dict.fromkeys(OPENAI_COMPATIBLE, provider))


def _permit(model: str = "mine") -> Permit:
    return PermitSeal(_KEY).seal(
        Permit(
            permit_id="permit",
            tenant="default",
            decision_id="dec",
            step="1",
            purpose=Purpose.PROBE,
            data_class=DataClass.PUBLIC,
            models=(model,),
            reservation_id="res",
            expires_at=time.time() + 60,
        )
    )


def _card(url: str, *capabilities: Capability, via: Via = Via.OLLAMA) -> ModelCard:
    return ModelCard(
        name="mine",
        family="test",
        size=SizeClass.SMALL,
        via=via,
        zone=Zone.DEVICE,
        url=url,
        upstream_model="test-model",
        capabilities=frozenset(capabilities or {Capability.CHAT}),
    )


@pytest.mark.parametrize(
    ("owner", "via"),
    [
        ("library", Via.OLLAMA),
        ("vllm", Via.VLLM),
        ("llamacpp", Via.LLAMACPP),
        ("organization_owner", Via.LMSTUDIO),
    ],
)
async def test_server_is_known_by_the_owner_of_its_models_at_any_port(
    client: HttpClient, owner: str, via: Via
) -> None:
    async with ScriptedUpstream(models=("a", "b"), guise=Guise(owned_by=owner)) as upstream:
        (found,) = await discover(client, ports={Via.VLLM: upstream.port}, environ={})
    assert (found.via, found.models, found.zone) == (via, ("a", "b"), Zone.DEVICE)
    assert found.url == upstream.url


async def test_server_is_known_by_its_page_where_the_owner_does_not_tell(
    client: HttpClient,
) -> None:
    pages = {"/api/version": b'{"version":"0.12.0"}'}
    async with ScriptedUpstream(guise=Guise(owned_by="ann", pages=pages)) as upstream:
        (found,) = await discover(client, ports={Via.OLLAMA: upstream.port}, environ={})
        (other,) = await discover(client, ports={Via.VLLM: upstream.port}, environ={})
    assert found.via is Via.OLLAMA
    assert other.via is Via.OPENAI


async def test_context_window_is_taken_where_the_server_tells(client: HttpClient) -> None:
    listing = msgspec.json.encode(
        {"data": [{"id": "big", "owned_by": "vllm", "max_model_len": 32768}]}
    )
    async with ScriptedUpstream(guise=Guise(pages={"/v1/models": listing})) as upstream:
        (found,) = await discover(client, ports={Via.VLLM: upstream.port}, environ={})
    assert found.context_windows == {"big": 32768}


async def test_server_that_wants_a_key_is_found_without_its_models(client: HttpClient) -> None:
    async with ScriptedUpstream(api_key="sk-local") as upstream:
        (found,) = await discover(client, ports={Via.VLLM: upstream.port}, environ={})
    assert (found.needs_key, found.models) == (True, ())


async def test_befit_itself_other_servers_and_silence_are_no_finds(client: HttpClient) -> None:
    page = Guise(pages={"/v1/models": b"<html>my home page</html>"})
    async with (
        ScriptedUpstream(guise=Guise(owned_by="befit")) as ourselves,
        ScriptedUpstream(guise=page) as other,
        ScriptedUpstream() as gone,
    ):
        await gone.stop()
        ports = {
            Via.OLLAMA: ourselves.port,
            Via.VLLM: other.port,
            Via.LLAMACPP: gone.port,
        }
        assert await discover(client, ports=ports, environ={}) == ()


async def test_only_lists_are_asked_for(client: HttpClient) -> None:
    async with ScriptedUpstream() as upstream:
        await discover(client, ports={Via.VLLM: upstream.port}, environ={})
        assert {request.method for request in upstream.requests} == {"GET"}


def test_usual_ports_are_those_of_the_servers_documentation() -> None:
    assert USUAL_PORTS == {
        Via.OLLAMA: 11434,
        Via.VLLM: 8000,
        Via.LLAMACPP: 8080,
        Via.LMSTUDIO: 1234,
    }


async def test_keys_make_external_proposals_that_nobody_contacts(client: HttpClient) -> None:
    environ = {"OPENAI_API_KEY": "sk-secret", "MISTRAL_API_KEY": "m-secret", "GROQ_API_KEY": " "}
    found = await discover(client, ports={}, environ=environ)
    assert [(one.title, one.key_ref, one.zone) for one in found] == [
        ("OpenAI", "env:OPENAI_API_KEY", Zone.EXTERNAL),
        ("Mistral", "env:MISTRAL_API_KEY", Zone.EXTERNAL),
    ]
    assert all(one.url.startswith("https://") and one.models == () for one in found)
    assert "secret" not in repr(found)


@pytest.mark.parametrize(
    ("url", "zone"),
    [("http://127.0.0.1:9000", Zone.DEVICE), ("https://llm.example.com/v1", Zone.EXTERNAL)],
)
def test_openai_key_with_another_base_url_proposes_that_server(url: str, zone: Zone) -> None:
    (found,) = find_keys({"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": url})
    assert found.zone is zone
    assert found.url.startswith(url)
    assert found.url.endswith("/v1")


async def test_probe_says_what_answered_and_how_fast(caller: ModelCaller) -> None:
    said = "A book in which every account of a business is kept, one page for each of them"
    async with ScriptedUpstream(Reply(text=said, token_delay_s=0.01)) as upstream:
        result = await probe(_card(upstream.url), caller, _permit())
        sent = upstream.requests[0].json
    assert (result.answered_as, result.text) == ("test-model", said)
    assert (result.output_tokens, result.reports_usage) == (17, True)
    assert result.first_token_ms is not None
    assert 0 < result.first_token_ms < result.latency_ms
    assert result.tokens_per_s is not None
    assert result.structured_output is True
    assert (sent["max_tokens"], sent["stream"]) == (48, True)
    assert len(upstream.requests) == 1


async def test_probe_tells_no_speed_of_few_tokens(caller: ModelCaller) -> None:
    async with ScriptedUpstream(Reply(text="A book of accounts", token_delay_s=0.05)) as upstream:
        result = await probe(_card(upstream.url), caller, _permit())
    assert result.tokens_per_s is None
    assert result.first_token_ms is not None


async def test_probe_of_a_server_without_usage_counts_chunks(caller: ModelCaller) -> None:
    async with ScriptedUpstream(Reply(text="one two", says_usage=False)) as upstream:
        card = _card(upstream.url, via=Via.OPENAI)
        result = await probe(card, caller, _permit())
        assert "max_completion_tokens" in upstream.requests[0].json
    assert (result.output_tokens, result.reports_usage, result.structured_output) == (
        2,
        False,
        None,
    )


async def test_probe_of_an_embedding_model_embeds(caller: ModelCaller) -> None:
    async with ScriptedUpstream() as upstream:
        card = _card(upstream.url, Capability.EMBEDDINGS)
        result = await probe(card, caller, _permit())
        assert upstream.requests[0].path == "/v1/embeddings"
    assert (result.dimensions, result.answered_as) == (8, None)


async def test_probe_needs_a_permit_and_reports_refusals(caller: ModelCaller) -> None:
    async with ScriptedUpstream(Reply(status=404, text="no such model")) as upstream:
        card = _card(upstream.url)
        with pytest.raises(PermitDenied):
            await probe(card, caller, _permit("another"))
        assert upstream.connections == 0
        with pytest.raises(ModelRefused, match=r"no such model.*check the card's url and model"):
            await probe(card, caller, _permit())


async def test_only_loopback_is_contacted_whatever_the_environment_names(
    client: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()
    connect = loop.create_connection
    hosts: list[object] = []

    async def watched(factory: object, host: object, *args: object, **options: object) -> object:
        hosts.append(host)
        return await connect(factory, host, *args, **options)

    monkeypatch.setattr(loop, "create_connection", watched)
    environ = {
        "OPENAI_API_KEY": "k",
        "OPENAI_BASE_URL": "https://llm.example.com/v1",
        "MISTRAL_API_KEY": "k",
        "OLLAMA_HOST": "models.example.com:11434",
    }
    async with ScriptedUpstream() as upstream:
        ports = {Via.OLLAMA: upstream.port, Via.VLLM: upstream.port}
        assert len(await discover(client, ports=ports, environ=environ)) == 4
    assert set(hosts) == {"127.0.0.1"}
