"""What a card is filled with: what was said, then what was found, else nothing."""

from __future__ import annotations

from decimal import Decimal

import pytest

from befit.catalog import SPOKEN, Capability, Price
from befit.errors import InvalidRequest
from befit.gateway.operations.catalog.card_proposal import CardRequest, propose_card
from befit.vocabulary import SizeClass, Zone


def request(**said: object) -> CardRequest:
    return CardRequest(**{"name": "m", "via": "openai", **said})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("said", "zone"),
    [
        ({"via": "ollama"}, Zone.DEVICE),
        ({"via": "vllm", "url": "http://127.0.0.1:8000/v1"}, Zone.DEVICE),
        ({"via": "vllm", "url": "http://models.example.org/v1"}, Zone.EXTERNAL),
        ({"via": "openai"}, Zone.EXTERNAL),
        ({"via": "openai", "url": "http://models.example.org/v1", "zone": "onprem"}, Zone.ONPREM),
    ],
)
def test_an_undeclared_zone_is_the_safest_that_can_be_true(
    said: dict[str, str], zone: Zone
) -> None:
    assert propose_card(request(**said)).card.zone is zone


def test_known_models_are_filled_from_what_was_found() -> None:
    proposal = propose_card(request(via="ollama", model="qwen2.5:7b-instruct-q4_K_M"))
    card = proposal.card
    assert (card.family, card.size, card.parameters_billion) == ("qwen", SizeClass.SMALL, 7)
    assert card.context_window == 32768
    assert proposal.reference is not None
    assert any("compare its server" in note for note in proposal.notes)


def test_a_vendors_price_is_taken_for_the_vendors_own_address_alone() -> None:
    own = propose_card(request(model="gpt-4.1")).card
    assert isinstance(own.cost, Price)
    assert own.cost.source.startswith("https://")
    reseller = propose_card(request(model="gpt-4.1", url="https://models.example.org/v1"))
    assert reseller.card.cost is None
    assert "price" in reseller.unknown


def test_a_self_hosted_model_has_no_price_until_somebody_says_it() -> None:
    assert propose_card(request(via="ollama", model="qwen2.5:7b")).card.cost is None
    card = propose_card(request(via="ollama", price_in=Decimal(0), price_out=Decimal(0))).card
    assert isinstance(card.cost, Price)


def test_one_price_without_the_other_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="both directions"):
        propose_card(request(price_in=Decimal(1)))


@pytest.mark.parametrize(
    ("model", "size"),
    [
        ("acme-70b-chat", SizeClass.LARGE),
        ("acme-3.5b", SizeClass.SMALL),
        ("acme-unheard-of", SizeClass.LARGE),
    ],
)
def test_an_unknown_models_size_is_read_from_its_name_or_assumed(
    model: str, size: SizeClass
) -> None:
    assert propose_card(request(model=model)).card.size is size


def test_what_serves_decides_what_can_be_asked_for() -> None:
    embedding = propose_card(request(via="ollama", model="nomic-embed-text")).card
    assert embedding.capabilities == {Capability.EMBEDDINGS}
    local = propose_card(request(via="llamacpp", model="acme-3b")).card
    assert local.capabilities == SPOKEN
    gguf = propose_card(request(via="embedded", model="my-gguf")).card
    assert (gguf.weights, gguf.upstream_model) == ("my-gguf", "")
