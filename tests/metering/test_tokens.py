from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from befit.catalog import InfrastructureCost, ModelCard, Price, Via
from befit.messages import ChatRequest, TokenUsage
from befit.metering import input_tokens_at_most, most_cost_usd, most_texts_cost_usd
from befit.vocabulary import SizeClass, Zone

PRICE = Price(
    input_usd_per_million=Decimal(2),
    output_usd_per_million=Decimal(8),
    cached_input_usd_per_million=Decimal("0.5"),
    source="a price list",
    as_of=date(2026, 1, 1),
)
CARD = ModelCard(
    name="large",
    family="f",
    size=SizeClass.LARGE,
    via=Via.OPENAI,
    zone=Zone.EXTERNAL,
    context_window=10_000,
    max_output_tokens=1_000,
    cost=PRICE,
)


def request(content: object = "hello", **fields: Any) -> ChatRequest:
    body = {"model": "large", "messages": [{"role": "user", "content": content}], **fields}
    return ChatRequest.from_json(msgspec.json.encode(body))


def _usd(input_tokens: int, output_tokens: int) -> Decimal:
    return Decimal(2 * input_tokens + 8 * output_tokens) / 1_000_000


def test_the_most_is_every_byte_a_token_and_the_longest_answer() -> None:
    asked = request()
    most_input = input_tokens_at_most(asked.input_bytes)
    assert most_cost_usd(CARD, asked) == _usd(most_input, 1_000)
    assert most_cost_usd(CARD, request(max_tokens=10)) == _usd(most_input, 10)
    assert most_cost_usd(CARD, request(max_tokens=9_999)) == _usd(most_input, 1_000)
    assert most_cost_usd(CARD, request(n=3)) == 3 * _usd(most_input, 1_000)


def test_the_context_window_bounds_both_sides() -> None:
    asked = request("x" * 50_000)
    assert most_cost_usd(CARD, asked) == _usd(10_000, 1_000)
    assert most_cost_usd(replace(CARD, max_output_tokens=None), asked) == _usd(10_000, 10_000)


@given(
    st.text(max_size=200),
    st.integers(0, 400),
    st.integers(0, 400),
    st.integers(1, 2_000),
)
def test_no_call_within_its_limits_costs_more(
    text: str, cached: int, reasoning: int, output: int
) -> None:
    asked = request(text, max_tokens=output)
    # A byte-level tokenizer makes at most a token a byte, however it was escaped.
    tokens = len(text.encode("utf-8", "surrogatepass"))
    usage = TokenUsage(
        input=tokens,
        cached_input=min(cached, tokens),
        output=min(output, 1_000),
        reasoning=min(reasoning, output, 1_000),
    )
    cost, most = CARD.cost_usd(usage), most_cost_usd(CARD, asked)
    assert cost is not None
    assert most is not None
    assert cost <= most


def test_cached_input_that_costs_more_is_reserved_for() -> None:
    dear = replace(CARD, cost=replace(PRICE, cached_input_usd_per_million=Decimal(4)))
    most, usual = most_cost_usd(dear, request()), most_cost_usd(CARD, request())
    assert most is not None
    assert usual is not None
    assert most > usual


def test_models_in_process_reserve_nothing() -> None:
    embedded = replace(CARD, via=Via.EMBEDDED, cost=None, context_window=None)
    assert most_cost_usd(embedded, request()) == 0
    assert most_texts_cost_usd(embedded, ("a", "b")) == 0


def test_self_hosted_models_reserve_their_share_of_the_machine() -> None:
    machine = InfrastructureCost(
        machine_usd_per_hour=Decimal("3.6"),
        output_tokens_per_s=Decimal(100),
        source="measured",
        as_of=date(2026, 1, 1),
    )
    assert most_cost_usd(replace(CARD, cost=machine), request(max_tokens=50)) == Decimal("0.0005")


@pytest.mark.parametrize(
    "card",
    [
        replace(CARD, cost=None),
        replace(CARD, max_output_tokens=None, context_window=None),
    ],
    ids=["no price", "no end"],
)
def test_what_has_no_bound_is_unknown_never_zero(card: ModelCard) -> None:
    assert most_cost_usd(card, request()) is None


def test_an_image_is_bounded_by_the_context_window_alone() -> None:
    image = [{"type": "image_url", "image_url": {"url": "http://127.0.0.1/a.png"}}]
    assert most_cost_usd(CARD, request(image)) == _usd(10_000, 1_000)
    endless = replace(CARD, context_window=None)
    assert most_cost_usd(endless, request(image)) is None
    assert most_cost_usd(endless, request()) is not None


@pytest.mark.parametrize(
    "fields",
    [
        {"audio": {"voice": "a"}},
        {"web_search_options": {}},
        {"prediction": {"type": "content", "content": "x"}},
        {"service_tier": "priority"},
    ],
)
def test_what_is_charged_apart_from_tokens_is_unknown(fields: dict[str, object]) -> None:
    assert most_cost_usd(CARD, request(**fields)) is None


@pytest.mark.parametrize("fields", [{"audio": None}, {"service_tier": "auto"}])
def test_what_is_said_and_changes_nothing_is_known(fields: dict[str, object]) -> None:
    assert most_cost_usd(CARD, request(**fields)) == most_cost_usd(CARD, request())


def test_texts_are_bounded_by_their_bytes() -> None:
    assert most_texts_cost_usd(CARD, ("ab", "ü")) == _usd(2 + 2 + 4, 0)
    assert most_texts_cost_usd(replace(CARD, cost=None), ("ab",)) is None
