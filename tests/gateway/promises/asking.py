"""Random requests over every endpoint that calls models, and a client that may leave."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from befit.vocabulary import DataClass, Tag
from tests.gateway.promises.papers import COLLECTION
from tests.gateway.promises.surface import (
    CHAT,
    DETECT,
    EMBEDDINGS,
    OTHERS,
    RUN,
    SURFACE,
    Leaves,
    path_of,
)
from tests.gateway.promises.wire import (
    LEAVES_AFTER_FIRST,
    LEAVES_AT_ONCE,
    STAYS,
    Address,
    Heard,
    exchange,
    request_of,
)
from tests.gateway.promises.world import World

WORDS = tuple(
    f"{first}-{second}"
    for first in ("amber", "birch", "cedar", "dune", "elm")
    for second in (
        "alpha",
        "bravo",
        "charlie",
        "delta",
        "echo",
        "foxtrot",
        "golf",
        "hotel",
        "india",
    )
)
_MOST_ASKS = 12
CARD_NUMBER = "4111 1111 1111 1111"
CARD_DIGITS = CARD_NUMBER.replace(" ", "")
CONTENT = {
    "plain": "Which colour is it?",
    "card": f"Which colour is the card {CARD_NUMBER}, please?",
    "image": "Which colour is this?",
}
_IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
_WAYS_TO_LEAVE = [STAYS] * 6 + [LEAVES_AT_ONCE, LEAVES_AFTER_FIRST, LEAVES_AFTER_FIRST]


@dataclass(frozen=True)
class Ask:
    """One request as a client sends it.

    Attributes:
        word: stands in its text and in nobody else's, so that a call can be traced to it.
        at: method and path template of the endpoint.
        target: the request's `model`, or the workflow of a run.
        workflow: `befit.workflow` beside it.
        collection: the collection that it asks.
    """

    word: str
    at: tuple[str, str]
    key: str
    target: str = "auto"
    workflow: str | None = None
    declared: DataClass | None = None
    tags: tuple[Tag, ...] = ()
    stream: bool = False
    content: str = "plain"
    conversation: str | None = None
    leaves: str = STAYS
    collection: str | None = None

    @property
    def leaves_decision(self) -> bool:
        return SURFACE[self.at] is Leaves.DECISION

    @property
    def text(self) -> str:
        return f"ask {self.word}: {CONTENT[self.content]}"

    @property
    def method(self) -> str:
        return self.at[0]

    @property
    def path(self) -> str:
        return path_of(self.at[1], filled=self.target if self.at == RUN else self.word)

    async def over_http(self, address: Address, key: str) -> Heard:
        """Send it with the text of its key."""
        request = request_of(self.method, self.path, key=key, body=self.body)
        return await exchange(address, request, leaves=self.leaves)

    @property
    def body(self) -> bytes:
        if not self.leaves_decision:
            return b"{}" if self.method == "POST" else b""
        if self.at == DETECT:
            return json.dumps({"texts": [self.text]}).encode()
        options: dict[str, Any] = {}
        if self.declared is not None:
            options["data_class"] = self.declared.word
        if self.tags:
            options["tags"] = [tag.value for tag in self.tags]
        if self.conversation is not None:
            options["conversation"] = self.conversation
        if self.collection is not None:
            options["collection"] = self.collection
        if self.at == RUN:
            return json.dumps({"input": self.text, **options}).encode()
        if self.workflow is not None:
            options["workflow"] = self.workflow
        body: dict[str, Any] = {"model": self.target}
        if options:
            body["befit"] = options
        if self.at == EMBEDDINGS:
            return json.dumps(body | {"input": [self.text, "and more"]}).encode()
        content: Any = self.text
        if self.content == "image":
            content = [{"type": "text", "text": self.text}, _IMAGE]
        body["messages"] = [{"role": "user", "content": content}]
        return json.dumps(body | {"stream": self.stream, "max_tokens": 32}).encode()


@st.composite
def _asks(draw: st.DrawFn, word: str, world: World) -> Ask:
    at = draw(
        st.sampled_from([CHAT] * 7 + [EMBEDDINGS, RUN, RUN, DETECT, draw(st.sampled_from(OTHERS))])
    )
    key = draw(st.sampled_from(["plain"] * 3 + ["scoped", "poor"]))
    if at not in (CHAT, EMBEDDINGS, RUN):
        return Ask(word=word, at=at, key=key, content=draw(st.sampled_from(["plain", "card"])))
    target = draw(st.sampled_from(_targets(at, world)))
    named_too = [None] * 4 if at == RUN else [None] * 4 + [flow.name for flow in world.flows]
    if target.startswith("workflow:"):
        named_too = [None] * 12 + named_too
    return Ask(
        word=word,
        at=at,
        key=key,
        target=target,
        workflow=draw(st.sampled_from(named_too)),
        declared=draw(st.sampled_from([None, None, DataClass.PUBLIC, *DataClass])),
        tags=draw(st.sampled_from([()] * 4 + [(tag,) for tag in Tag])),
        stream=at == CHAT and draw(st.booleans()),
        content=draw(st.sampled_from(["plain"] * 5 + ["card"] + ["image"] * (at == CHAT))),
        conversation=draw(st.sampled_from([None, None, "talk"])) if at != EMBEDDINGS else None,
        leaves=draw(st.sampled_from(_WAYS_TO_LEAVE)) if at == CHAT else STAYS,
        collection=_collection(draw, at, world),
    )


def _collection(draw: st.DrawFn, at: tuple[str, str], world: World) -> str | None:
    if not world.papers or at == EMBEDDINGS:
        return None
    return draw(st.sampled_from([None, COLLECTION, COLLECTION, COLLECTION, "nowhere"]))


def _targets(at: tuple[str, str], world: World) -> list[str]:
    """What may be named, what fits the endpoint more often than what does not."""
    flows = [flow.name for flow in world.flows]
    if at == RUN:
        return [*flows[1:] * 4, flows[0], "nowhere"]
    if at == EMBEDDINGS:
        embedders = [model.name for model in world.models if model.embeds]
        return [*embedders * 4, "auto", world.models[0].name, "nobody"]
    models = [model.name for model in world.models]
    return [*models, *(f"workflow:{name}" for name in flows * 3), "auto", "nobody"]


@dataclass(frozen=True)
class Scenario:
    """A world and what is asked in it, one after another or all at once."""

    world: World
    asks: tuple[Ask, ...]
    at_once: bool


@st.composite
def scenarios(draw: st.DrawFn, worlds: st.SearchStrategy[World]) -> Scenario:
    world = draw(worlds)
    number = draw(st.integers(4, _MOST_ASKS))
    asks = tuple(draw(_asks(word, world)) for word in WORDS[:number])
    return Scenario(world=world, asks=asks, at_once=draw(st.booleans()))
