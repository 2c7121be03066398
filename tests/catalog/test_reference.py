"""Reference cards: found figures only, and names as servers write them."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from befit.catalog import Capability, reference_cards, reference_for
from befit.vocabulary import SizeClass, Zone


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("qwen2.5:7b-instruct", "qwen2.5-7b"),
        ("qwen2.5:7b-instruct-q4_K_M", "qwen2.5-7b"),
        ("Qwen/Qwen2.5-7B-Instruct", "qwen2.5-7b"),
        ("bartowski/Qwen2.5-7B-Instruct-GGUF:Q4_K_M", "qwen2.5-7b"),
        ("gpt-4.1-mini-2025-04-14", "gpt-4.1-mini"),
        ("openai/gpt-4.1", "gpt-4.1"),
        ("claude-haiku-4-5-20251001", "claude-haiku-4.5"),
        ("models/gemini-3.5-flash", "gemini-3.5-flash"),
        ("llama3.3:latest", "llama-3.3-70b"),
        ("meta-llama/Llama-3.3-70B-Instruct", "llama-3.3-70b"),
        ("microsoft/Phi-4-mini-instruct", "phi-4-mini"),
        ("gemma3:12b-it-q8_0", "gemma-3-12b"),
        ("mistralai/Mistral-Small-3.1-24B-Instruct-2503", "mistral-small-3.1"),
        ("mistral-large-2411", "mistral-large-2"),
        ("SmolLM2-135M-Instruct.Q4_1.gguf", "smollm2-135m"),
    ],
)
def test_a_model_is_known_by_the_names_that_servers_give_it(written, name):
    card = reference_for(written)
    assert card is not None
    assert card.name == name


@pytest.mark.parametrize(
    "written",
    ["", "gpt-4", "gpt-4.1-mini-fast", "Qwen/Qwen2.5-7B-Instruct-1M", "phi-4", "my-model"],
)
def test_another_model_is_unknown_rather_than_the_nearest(written):
    assert reference_for(written) is None


def test_every_family_that_people_use_is_there_in_both_sizes():
    cards = reference_cards().values()
    families = {card.family for card in cards}
    assert families >= {"phi", "gemma", "mistral-small", "qwen", "llama", "smollm2"}
    assert families >= {"gpt", "claude", "gemini", "mistral-large", "deepseek"}
    assert {card.size for card in cards} == {SizeClass.SMALL, SizeClass.LARGE}


def test_every_figure_has_a_source_and_a_date_that_has_been():
    today = datetime.now(UTC).date()
    for card in reference_cards().values():
        assert card.source
        assert date(2025, 1, 1) < card.as_of <= today
        assert Capability.CHAT in card.capabilities
        if card.price is not None:
            assert card.price.source.startswith("https://")
            assert card.price.as_of <= today
            assert card.price.output_usd_per_million > card.price.input_usd_per_million > 0


def test_a_model_that_only_its_maker_serves_is_external():
    for card in reference_cards().values():
        if card.licence == "proprietary":
            assert card.zones == {Zone.EXTERNAL}


@given(st.text(max_size=60))
def test_any_name_is_looked_up(written):
    reference_for(written)
