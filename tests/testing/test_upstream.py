import socket

import openai
import pytest

from befit.testing import Reply, ScriptedUpstream, vector_of


def _client(upstream: ScriptedUpstream, key: str = "any") -> openai.OpenAI:
    return openai.OpenAI(base_url=upstream.url, api_key=key, max_retries=0)


def test_openai_client_is_served_from_a_thread() -> None:
    with ScriptedUpstream(lambda request: request.text.upper(), models=("m",)) as upstream:
        client = _client(upstream)
        messages = [{"role": "user", "content": "hello there"}]
        answer = client.chat.completions.create(model="m", messages=messages)
        assert answer.choices[0].message.content == "HELLO THERE"
        stream = client.chat.completions.create(
            model="m",
            messages=messages,
            stream=True,
            stream_options={"include_usage": True},
        )
        chunks = list(stream)
        text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
        assert text == "HELLO THERE"
        assert chunks[-1].usage is not None
        assert [model.id for model in client.models.list()] == ["m"]
        vectors = client.embeddings.create(model="m", input=["a", "b"]).data
        assert [vector.embedding for vector in vectors] == [vector_of("a"), vector_of("b")]
        assert len(upstream.requests) == 4
        client.close()


def test_replies_are_given_in_order_then_the_usual_answer() -> None:
    with ScriptedUpstream("usual", api_key="sk-right") as upstream:
        with pytest.raises(openai.AuthenticationError):
            _client(upstream, "sk-wrong").models.list()
        client = _client(upstream, "sk-right")
        upstream.script(Reply(status=429, text="slow down"), Reply(text="scripted"))
        messages = [{"role": "user", "content": "a"}]
        with pytest.raises(openai.RateLimitError, match="slow down"):
            client.chat.completions.create(model="m", messages=messages)
        texts = [
            client.chat.completions.create(model="m", messages=messages).choices[0].message.content
            for _ in range(2)
        ]
        assert texts == ["scripted", "usual"]
        client.close()


def test_killed_upstream_refuses_connections() -> None:
    with ScriptedUpstream() as upstream:
        upstream.kill()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", upstream.port), timeout=5)


async def test_stopped_upstream_starts_again_on_its_port() -> None:
    async with ScriptedUpstream() as upstream:
        port = upstream.port
        await upstream.stop()
        await upstream.start()
        assert upstream.port == port


def test_body_that_is_no_request_gets_status_400() -> None:
    with ScriptedUpstream() as upstream:
        client = _client(upstream)
        with pytest.raises(openai.BadRequestError, match="messages is empty"):
            client.chat.completions.create(model="m", messages=[])
        client.close()
