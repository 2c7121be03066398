"""What a request may get wrong, and what may go wrong behind it, as clients see it."""

from __future__ import annotations

from typing import Any

import httpx
import openai
import pytest

from befit.testing import Reply
from tests.gateway.conftest import House

HELLO = [{"role": "user", "content": "hello"}]
CHAT = "/v1/chat/completions"


async def asked(house: House, body: dict[str, Any], who: str | None = "user") -> httpx.Response:
    async with house.http(who) as http:
        return await http.post(CHAT, json=body)


def error_of(answer: httpx.Response) -> dict[str, Any]:
    body = answer.json()
    assert set(body) == {"error"}
    assert {"message", "type", "param", "code"} <= set(body["error"])
    return body["error"]


@pytest.mark.parametrize(
    ("body", "told", "param"),
    [
        (b"", "not valid JSON", None),
        (b'{"model": "near", "messages": [', "not valid JSON", None),
        (b'{"model": "near", "messages": []}', "messages is empty", "messages"),
        (b'{"messages": [{"role": "user"}]}', "missing required field `model`", None),
        (b'{"model": 7, "messages": []}', "Expected `str`", "model"),
        (b'{"model": "near", "messages": "hi"}', "Expected `array`", "messages"),
        (b"\xff\xfe", "not valid JSON", None),
    ],
)
async def test_a_body_that_does_not_parse_is_refused_before_any_decision(
    house: House, body: bytes, told: str, param: str | None
) -> None:
    async with house.http() as http:
        answer = await http.post(CHAT, content=body)
    error = error_of(answer)
    assert answer.status_code == 400
    assert told in error["message"]
    assert (error["type"], error["param"]) == ("invalid_request_error", param)
    assert "decision_id" not in error
    assert await house.decisions() == []


async def test_an_unknown_befit_field_names_the_nearest(house: House) -> None:
    answer = await asked(
        house, {"model": "auto", "messages": HELLO, "befit": {"workflw": "triage"}}
    )
    assert answer.status_code == 400
    assert "did you mean 'workflow'" in error_of(answer)["message"]


async def test_a_wrong_data_class_names_the_four(house: House) -> None:
    answer = await asked(
        house, {"model": "near", "messages": HELLO, "befit": {"data_class": "topsecret"}}
    )
    assert answer.status_code == 400
    assert "public, internal, confidential, restricted" in error_of(answer)["message"]


@pytest.mark.parametrize(("model", "hint"), [("neaar", "'near'"), ("workflow:triag", "'triage'")])
async def test_an_unknown_model_or_workflow_is_404_with_the_nearest_name(
    house: House, model: str, hint: str
) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        await house.openai().chat.completions.create(model=model, messages=HELLO)
    assert f"did you mean {hint}" in caught.value.message
    record = await house.record(caught.value.body["decision_id"])
    assert (record.status, record.error.code) == ("refused", "not_found")


async def test_forbidden_by_policy_is_403_with_reason_and_decision(house: House) -> None:
    with pytest.raises(openai.PermissionDeniedError) as caught:
        await house.openai().chat.completions.create(
            model="far", messages=HELLO, extra_body={"befit": {"data_class": "restricted"}}
        )
    assert "may not go to zone external" in caught.value.message
    assert caught.value.response.headers["befit-decision"] == caught.value.body["decision_id"]
    assert house.far.connections == 0


async def test_too_long_a_context_says_which_limit_and_how_many_tokens(house: House) -> None:
    long = [{"role": "user", "content": "word " * 40_000}]
    with pytest.raises(openai.BadRequestError) as caught:
        await house.openai().chat.completions.create(model="near", messages=long)
    assert caught.value.code == "context_length_exceeded"
    assert "50,007 tokens exceed its context window of 8,192" in caught.value.message
    assert house.near.connections == 0


@pytest.mark.parametrize(
    "header",
    [
        None,
        "Bearer",
        "Bearer nonsense",
        "Basic dXNlcjpwYXNz",
        f"Bearer befit_{'2' * 12}_{'a' * 43}",
    ],
)
async def test_no_valid_key_is_401_and_leaves_no_decision(house: House, header: str | None) -> None:
    headers = {"authorization": header} if header else {}
    async with httpx.AsyncClient(base_url=house.url, headers=headers) as http:
        answer = await http.post(CHAT, json={"model": "near", "messages": HELLO})
        metrics = (await http.get("/metrics")).text
    assert answer.status_code == 401
    assert error_of(answer)["code"] == "invalid_api_key"
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert await house.decisions() == []
    assert 'befit_refused_before_decision_total{reason="key"} 1' in metrics


async def test_a_revoked_key_is_refused_at_its_next_request(house: House) -> None:
    key = await house.operate("keys.create", {"name": "brief"})
    house.keys["brief"] = key["key"]
    await house.openai("brief").models.list()
    await house.operate("keys.revoke", {"id": key["id"]})
    with pytest.raises(openai.AuthenticationError, match="revoked"):
        await house.openai("brief").models.list()


async def test_an_exhausted_budget_is_429_and_not_worth_a_retry(house: House) -> None:
    house.keys["poor"] = await house.key("poor", budget_usd="0.000001")
    with pytest.raises(openai.RateLimitError) as caught:
        await house.openai("poor", max_retries=2).chat.completions.create(
            model="near", messages=HELLO
        )
    assert caught.value.code == "budget_exhausted"
    assert caught.value.response.headers["x-should-retry"] == "false"
    assert len(await house.decisions()) == 1
    assert house.near.connections == 0


async def test_an_upstream_that_is_down_is_502_for_a_named_model(house: House) -> None:
    await house.near.stop()
    with pytest.raises(openai.InternalServerError) as caught:
        await house.openai().chat.completions.create(model="near", messages=HELLO)
    assert (caught.value.status_code, caught.value.code) == (502, "model_unreachable")
    assert (await house.record(caught.value.body["decision_id"])).status == "failed"


async def test_an_upstream_that_is_down_is_followed_by_a_fallback(house: House) -> None:
    await house.near.stop()
    house.far.script(Reply(text="green"))
    answer = await house.openai().chat.completions.create(model="workflow:triage", messages=HELLO)
    assert (answer.model, answer.choices[0].message.content) == ("far", "green")


async def test_an_upstream_that_is_slow_is_504(house: House) -> None:
    house.far.script(Reply(delay_s=30))
    with pytest.raises(openai.InternalServerError) as caught:
        await house.openai().chat.completions.create(
            model="far", messages=HELLO, extra_body={"befit": {"data_class": "public"}}
        )
    assert (caught.value.status_code, caught.value.code) == (504, "model_timeout")


@pytest.mark.parametrize(
    "reply",
    [
        Reply(text="a b c d", cut_after=3),
        Reply(text="a b c d", error_after=3),
        Reply(text="a b c d", says_end=False),
    ],
    ids=["cut", "error event", "no finish"],
)
async def test_a_stream_that_breaks_raises_in_the_client_and_is_recorded(
    house: House, reply: Reply
) -> None:
    house.near.script(reply)
    stream = await house.openai().chat.completions.create(model="near", messages=HELLO, stream=True)
    seen: list[str] = []
    with pytest.raises(openai.APIError) as caught:
        async for chunk in stream:
            seen += [chunk.choices[0].delta.content or ""]
    assert "".join(seen).startswith("a b")
    assert caught.value.body["code"] == "stream_broken"
    record = await house.record(caught.value.body["decision_id"])
    assert (record.status, record.error.code) == ("failed", "stream_broken")


async def test_a_client_that_waits_no_longer_times_out_and_is_recorded_as_cut(
    house: House,
) -> None:
    house.near.script(Reply(delay_s=30))
    with pytest.raises(openai.APITimeoutError):
        await house.openai(timeout=0.3).chat.completions.create(model="near", messages=HELLO)
    await house.until_closed(1)
    (decision,) = await house.decisions()
    assert decision["status"] == "cut"


async def test_nothing_is_answered_that_cannot_be_recorded(house: House) -> None:
    house.platform.ledger.close()
    with pytest.raises(openai.InternalServerError) as caught:
        await house.openai().chat.completions.create(model="near", messages=HELLO)
    assert (caught.value.status_code, caught.value.code) == (503, "ledger_unavailable")
    assert house.near.connections == 0
    async with house.http(None) as http:
        ready = await http.get("/readyz")
    assert (ready.status_code, ready.json()["ledger"]) == (503, "ledger_unavailable")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/nothing", 404, "not_found"),
        ("GET", CHAT, 405, "method_not_allowed"),
        ("DELETE", "/v1/models", 405, "method_not_allowed"),
        ("GET", "/v1/models/", 404, "not_found"),
    ],
)
async def test_what_is_not_there_is_told_in_openais_shape(
    house: House, method: str, path: str, status: int, code: str
) -> None:
    async with house.http() as http:
        answer = await http.request(method, path)
    assert (answer.status_code, error_of(answer)["code"]) == (status, code)
    assert ("allow" in answer.headers) == (status == 405)


async def test_a_body_nested_without_end_is_the_callers_mistake(house: House) -> None:
    nested = b"[" * 100_000 + b"]" * 100_000
    body = b'{"model":"auto","x":' + nested + b',"messages":[{"role":"user","content":"x"}]}'
    async with house.http("user") as http:
        answer = await http.post("/v1/chat/completions", content=body)
    assert answer.status_code == 400
