"""What the user already has: model servers on this machine, keys in the environment.

Only loopback is contacted, and only to list models; a key in the environment makes a
proposal whose server nobody has spoken to. `probe` then makes one small call of a card.

    for found in await discover(client):
        print(found.title, found.url, found.models)
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from befit.catalog import Capability, ModelCard, Via
from befit.errors import InvalidRequest, ModelFailure
from befit.inference.caller import ModelCaller
from befit.inference.permit import Permit
from befit.inference.provider import ModelCall, TextsCall
from befit.inference.providers.answers import ListedModel, read_models
from befit.inference.providers.endpoint import Endpoint
from befit.inference.providers.http_client import HttpClient, HttpRequest, Timeouts
from befit.messages import ChatRequest
from befit.vocabulary import Zone

USUAL_PORTS: Mapping[Via, int] = {
    Via.OLLAMA: 11434,
    Via.VLLM: 8000,
    Via.LLAMACPP: 8080,
    Via.LMSTUDIO: 1234,
}
"""Where the known servers listen unless told otherwise."""

_TITLES = {
    Via.OLLAMA: "Ollama",
    Via.VLLM: "vLLM",
    Via.LLAMACPP: "llama.cpp server",
    Via.LMSTUDIO: "LM Studio",
    Via.OPENAI: "an OpenAI-compatible server",
}

# What each server writes as the owner of its models.
_OWNERS = {
    "library": Via.OLLAMA,
    "vllm": Via.VLLM,
    "llamacpp": Via.LLAMACPP,
    "organization_owner": Via.LMSTUDIO,
}
_OURSELVES = "befit"

# A page that only this server has, where the owner does not tell.
_PAGES = {
    Via.OLLAMA: "/api/version",
    Via.VLLM: "/version",
    Via.LLAMACPP: "/props",
    Via.LMSTUDIO: "/api/v0/models",
}

# Providers whose API is OpenAI's, by the variable their own documentation names.
_PROVIDERS = {
    "OPENAI_API_KEY": ("OpenAI", "https://api.openai.com/v1"),
    "ANTHROPIC_API_KEY": ("Anthropic", "https://api.anthropic.com/v1"),
    "MISTRAL_API_KEY": ("Mistral", "https://api.mistral.ai/v1"),
    "GEMINI_API_KEY": ("Google", "https://generativelanguage.googleapis.com/v1beta/openai"),
    "GROQ_API_KEY": ("Groq", "https://api.groq.com/openai/v1"),
    "OPENROUTER_API_KEY": ("OpenRouter", "https://openrouter.ai/api/v1"),
    "TOGETHER_API_KEY": ("Together", "https://api.together.xyz/v1"),
    "DEEPSEEK_API_KEY": ("DeepSeek", "https://api.deepseek.com/v1"),
    "XAI_API_KEY": ("xAI", "https://api.x.ai/v1"),
    "FIREWORKS_API_KEY": ("Fireworks", "https://api.fireworks.ai/inference/v1"),
    "CEREBRAS_API_KEY": ("Cerebras", "https://api.cerebras.ai/v1"),
}
_OWN_SERVER = "OPENAI_BASE_URL"  # moves OPENAI_API_KEY to another server

PROBE_OUTPUT_TOKENS = 48
"""The most that the answer to a probe may have: what its reservation must cover."""

_TIMEOUTS = Timeouts(connect_s=1.0, total_s=3.0)
_UNAUTHORISED = {401, 403}
_TELLING_TOKENS = 16
_TELLING_S = 0.05
"""A rate over fewer tokens, or over chunks that came at once, is the network's, not the model's."""

PROBE_TEXT = "Reply with one short sentence: what is a ledger?"
"""What a probe says to a model: nothing of anybody's."""


_decode_any = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A server or key that cards can be proposed for; nothing is added by finding it.

    Attributes:
        title: what people call it.
        models: the names it offers; empty where nobody has asked it.
        key_ref: `env:NAME` where a key is known.
        needs_key: it answered that it wants a key.
        context_windows: in tokens, where the server tells.
    """

    title: str
    via: Via
    url: str
    zone: Zone
    models: tuple[str, ...] = ()
    key_ref: str | None = None
    needs_key: bool = False
    context_windows: Mapping[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True, kw_only=True, slots=True)
class ProbeResult:
    """What one small call of a model showed.

    Attributes:
        answered_as: the model's name in the answer, which may differ from the card's.
        output_tokens: as the server reports them, else the chunks counted.
        tokens_per_s: after the first token; None where too few came, or all of them at
            once, to tell.
        dimensions: of an embedding model's vectors.
        structured_output: True where this kind of server constrains any model's output
            to a schema; None where one call cannot tell.
    """

    answered_as: str | None
    latency_ms: float
    text: str = ""
    first_token_ms: float | None = None
    output_tokens: int | None = None
    tokens_per_s: float | None = None
    reports_usage: bool = False
    dimensions: int | None = None
    structured_output: bool | None = None


async def discover(
    client: HttpClient,
    *,
    ports: Mapping[Via, int] = USUAL_PORTS,
    environ: Mapping[str, str] | None = None,
) -> tuple[Found, ...]:
    """Servers on loopback's usual ports, then keys in the environment.

    Args:
        client: asks the servers.
        ports: where to look for which server.
        environ: the process's environment by default.
    """
    servers = await asyncio.gather(*(_look(client, via, port) for via, port in ports.items()))
    known = tuple(found for found in servers if found is not None)
    return known + find_keys(os.environ if environ is None else environ)


def find_keys(environ: Mapping[str, str]) -> tuple[Found, ...]:
    """Proposals for the usual providers' keys. Contacts nobody and reads no key."""
    found: list[Found] = []
    for variable, (title, url) in _PROVIDERS.items():
        if not environ.get(variable, "").strip():
            continue
        own_url = environ.get(_OWN_SERVER, "").strip()
        if variable == "OPENAI_API_KEY" and own_url:
            found += _own_server(own_url, key_ref=f"env:{variable}")
            continue
        found.append(
            Found(
                title=title,
                via=Via.OPENAI,
                url=url,
                zone=Zone.EXTERNAL,
                key_ref=f"env:{variable}",
            )
        )
    return tuple(found)


async def probe(card: ModelCard, caller: ModelCaller, permit: Permit) -> ProbeResult:
    """Make one small call of the card and say what answered, and how fast.

    Raises:
        PermitDenied: the permit does not cover the card.
        ModelFailure: the call failed; the error says how.
    """
    if Capability.CHAT not in card.capabilities:
        return await _probe_embeddings(card, caller, permit)
    # OpenAI's newer models refuse the older name, which other servers know alone.
    limit = "max_completion_tokens" if card.via is Via.OPENAI else "max_tokens"
    request = ChatRequest.from_text(PROBE_TEXT, model=card.name).with_field(
        limit, PROBE_OUTPUT_TOKENS
    )
    started = time.perf_counter()
    first = last = None
    counted, usage, answered_as = 0, None, None
    pieces: list[str] = []
    async for chunk in caller.stream(ModelCall(permit=permit, card=card, request=request)):
        view = _decode_chunk(chunk.data)
        answered_as = view.model or answered_as
        pieces += [choice.delta.content or "" for choice in view.choices or ()]
        usage = chunk.usage or usage
        if chunk.tokens:
            last = time.perf_counter()
            first = first or last
            counted += chunk.tokens
    ended = time.perf_counter()
    tokens = usage.output if usage is not None else counted
    spread_s = 0.0 if first is None or last is None else last - first
    is_telling = tokens >= _TELLING_TOKENS and spread_s >= _TELLING_S
    rate = (tokens - 1) / spread_s if is_telling else None
    return ProbeResult(
        answered_as=answered_as,
        latency_ms=(ended - started) * 1000,
        text="".join(pieces),
        first_token_ms=None if first is None else (first - started) * 1000,
        output_tokens=tokens,
        tokens_per_s=rate,
        reports_usage=usage is not None,
        structured_output=None if card.via is Via.OPENAI else True,
    )


class _Delta(msgspec.Struct, frozen=True):
    content: str | None = None


class _Choice(msgspec.Struct, frozen=True):
    delta: _Delta = _Delta()


class _Chunk(msgspec.Struct, frozen=True):
    model: str | None = None
    choices: list[_Choice] | None = None


def _decode_chunk(data: bytes) -> _Chunk:
    try:
        return msgspec.json.decode(data, type=_Chunk)
    except msgspec.DecodeError:  # content in parts: the timing is still worth having
        return _Chunk()


async def _probe_embeddings(card: ModelCard, caller: ModelCaller, permit: Permit) -> ProbeResult:
    started = time.perf_counter()
    answer = await caller.embed(TextsCall(permit=permit, card=card, texts=(PROBE_TEXT,)))
    return ProbeResult(
        answered_as=None,
        latency_ms=(time.perf_counter() - started) * 1000,
        dimensions=answer.dimensions,
    )


def _own_server(url: str, *, key_ref: str) -> list[Found]:
    try:
        endpoint = Endpoint.base(url)
    except InvalidRequest:
        return []  # the variable is another program's; what it means is not ours to guess
    zone = Zone.DEVICE if endpoint.origin.is_loopback else Zone.EXTERNAL
    title = _TITLES[Via.OPENAI]
    return [Found(title=title, via=Via.OPENAI, url=str(endpoint), zone=zone, key_ref=key_ref)]


async def _look(client: HttpClient, expected: Via, port: int) -> Found | None:
    """The server at a usual port of loopback, or None where none speaks the protocol."""
    root = f"http://127.0.0.1:{port}"
    try:
        status, body = await _get(client, f"{root}/v1/models")
        if status in _UNAUTHORISED:
            return Found(
                title=f"{_TITLES[expected]} (it wants a key)",
                via=expected,
                url=f"{root}/v1",
                zone=Zone.DEVICE,
                needs_key=True,
            )
        if not 200 <= status < 300:
            return None
        models = read_models(body, peer=root)
    except ModelFailure:
        return None
    if any(model.owned_by == _OURSELVES for model in models):
        return None
    via = await _identify(client, root, models, expected=expected)
    return Found(
        title=_TITLES[via],
        via=via,
        url=f"{root}/v1",
        zone=Zone.DEVICE,
        models=tuple(model.id for model in models),
        context_windows={
            model.id: model.max_model_len for model in models if model.max_model_len is not None
        },
    )


async def _identify(
    client: HttpClient, root: str, models: tuple[ListedModel, ...], *, expected: Via
) -> Via:
    for model in models:
        via = _OWNERS.get(model.owned_by or "")
        if via is not None:
            return via
    try:
        status, body = await _get(client, root + _PAGES[expected])
        if 200 <= status < 300 and _decode_any(body):
            return expected
    except (ModelFailure, msgspec.DecodeError):
        pass
    return Via.OPENAI


async def _get(client: HttpClient, url: str) -> tuple[int, bytes]:
    request = HttpRequest(method="GET", url=Endpoint.parse(url), peer=url)
    with await client.send(request, _TIMEOUTS) as response:
        return response.status, await response.read()
