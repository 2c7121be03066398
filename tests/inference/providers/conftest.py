from collections.abc import AsyncIterator, Callable

import pytest

from befit.catalog import Capability, ModelCard, Via
from befit.inference import HttpClient, ModelCall, OpenAICompatibleProvider, Permit
from befit.messages import ChatRequest
from befit.vocabulary import DataClass, Purpose, SizeClass, Zone

MakeCard = Callable[..., ModelCard]
MakeCall = Callable[..., ModelCall]


@pytest.fixture
async def client() -> AsyncIterator[HttpClient]:
    client = HttpClient()
    yield client
    client.close()


@pytest.fixture
def provider(client: HttpClient) -> OpenAICompatibleProvider:
    return OpenAICompatibleProvider(client)


@pytest.fixture
def make_card() -> MakeCard:
    def make(url: str, **changes: object) -> ModelCard:
        fields: dict[str, object] = {
            "name": "mine",
            "family": "test",
            "size": SizeClass.SMALL,
            "via": Via.OPENAI,
            "zone": Zone.DEVICE,
            "url": url,
            "upstream_model": "test-model",
            "capabilities": frozenset({Capability.CHAT}),
        }
        return ModelCard(**{**fields, **changes})

    return make


@pytest.fixture
def permit() -> Permit:
    # Providers do not look at it: `ModelCaller` does, before they are reached.
    return Permit(
        permit_id="permit",
        tenant="default",
        decision_id="dec",
        step="1",
        purpose=Purpose.ANSWER,
        data_class=DataClass.PUBLIC,
        models=("mine",),
        reservation_id="res",
        expires_at=0.0,
    )


@pytest.fixture
def make_call(permit: Permit) -> MakeCall:
    def make(
        card: ModelCard, body: bytes | str = "What is it?", labels: tuple[str, ...] = ()
    ) -> ModelCall:
        if isinstance(body, bytes):
            request = ChatRequest.from_json(body)
        else:
            request = ChatRequest.from_text(body, model=card.name)
        return ModelCall(permit=permit, card=card, request=request, labels=labels)

    return make
