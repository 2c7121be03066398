"""Random worlds: what a company might have declared, and how its models behave today."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from befit.testing import Reply
from befit.vocabulary import DataClass, Impact, Tag, Zone
from tests.gateway.promises.papers import COLLECTION, DOCUMENTS, Paper, some_papers
from tests.gateway.promises.rules import RULES, Rule

_PACKAGED = ["baseline", "sovereignty", "purpose", "impact", "lifecycle"]
PLACES = ("DE", "FR", "US")
LABELS = ["crimsonlake", "bottlegreen"]
ORDER = "order of colours"
"""What instructions say where the answer must be JSON, so that a good model knows it."""

SECRET_ANSWER = LABELS[0]
"""What good models say, and what no request does."""

REPLIES = {
    "good": Reply(text=SECRET_ANSWER),
    "slow": Reply(text=SECRET_ANSWER, delay_s=0.1, token_delay_s=0.02),
    "wrong": Reply(text="purple or so", chunks=3),
    "cut": Reply(text="a b c d", chunks=4, cut_after=2),
    "error in stream": Reply(text="a b c d", chunks=4, error_after=2),
    "broken": Reply(text="no", status=500),
    "refusing": Reply(text="no", status=400),
    "garbage": Reply(raw=b"<html>not what was asked for", content_type="text/html"),
    "no end": Reply(text="a b", chunks=2, says_end=False, says_usage=False),
}
_IN_PROCESS = {
    "via": "embedded",
    "weights": "minilm-l6",
    "family": "minilm",
    "size": "small",
    "context_window": 256,
    "capabilities": ["embeddings"],
}
_SPOKEN = ["chat", "structured_output", "vision"]
ANSWERS = frozenset({"good", "slow"})
DOWN = "down"


@dataclass(frozen=True)
class Model:
    """One card and the upstream behind it."""

    name: str
    zone: Zone
    jurisdiction: str | None
    stage: str
    size: str
    price_usd: str | None
    embeds: bool
    behaviour: str
    able: bool = False

    @property
    def answers(self) -> bool:
        return self.behaviour in ANSWERS

    def entry(self, url: str) -> dict[str, Any]:
        entry: dict[str, Any] = {
            "via": "openai",
            "url": url,
            "model": "test-model",
            "zone": self.zone.value,
            "stage": self.stage,
            "size": self.size,
            "family": "test",
            "context_window": 8192,
            "max_output_tokens": 64,
            "capabilities": ["embeddings"] if self.embeds else _SPOKEN,
            "able": ["write"] if self.able else [],
            "timeouts": {"connect_s": 1, "first_token_s": 2, "total_s": 3},
        }
        if self.jurisdiction:
            entry["jurisdiction"] = self.jurisdiction
        if self.price_usd:
            entry["price"] = {
                "input_usd_per_million": self.price_usd,
                "output_usd_per_million": self.price_usd,
                "source": "made up",
                "as_of": "2026-01-01",
            }
        return entry


EMBEDDER = Model(
    name="minilm-l6",
    zone=Zone.DEVICE,
    jurisdiction=None,
    stage="approved",
    size="small",
    price_usd="0",
    embeds=True,
    behaviour="good",
)
"""What runs in process where there are papers: it searches them, and quotes them."""


@dataclass(frozen=True)
class Flow:
    """One workflow.

    Attributes:
        reads: how it answers from papers, `quote` or `write`; None where it reads none.
        collections: the ones it reads; empty where the request names one.
    """

    name: str
    check: str
    models: tuple[str, ...] = ()
    ends_at_person: bool = False
    impact: Impact = Impact.LOW
    data_class: DataClass | None = None
    highest_class: DataClass = DataClass.RESTRICTED
    zones: frozenset[Zone] = frozenset()
    jurisdictions: frozenset[str] = frozenset()
    tags: frozenset[Tag] = frozenset()
    reads: str | None = None
    collections: tuple[str, ...] = ()

    def entry(self) -> dict[str, Any]:
        order = [*self.models, "person"] if self.ends_at_person else [*self.models]
        entry: dict[str, Any] = {
            "description": f"Work of kind {self.name}.",
            "instructions": f"Be brief. {ORDER if self.check == 'schema' else ''}",
            "impact": self.impact.value,
            "tags": sorted(self.tags),
            "requirements": {
                "highest_class": self.highest_class.word,
                "zones": sorted(self.zones),
                "jurisdictions": sorted(self.jurisdictions),
            },
            "escalation": {"models": order},
        }
        if self.data_class is not None:
            entry["data_class"] = self.data_class.word
        if self.check in {"label", "confidence"}:
            entry["labels"] = LABELS
        if self.check == "schema":
            entry["output_schema"] = {
                "type": "object",
                "required": ["colour"],
                "properties": {"colour": {"type": "string"}},
            }
        if self.reads is not None:
            entry["knowledge"] = {"mode": self.reads, "collections": list(self.collections)}
        if self.check != "none":
            check = {"confidence": 0.5} if self.check == "confidence" else self.check
            entry["escalation"]["check"] = check
        return entry


@dataclass(frozen=True)
class World:
    """Everything a company declared.

    Attributes:
        personal: the jurisdictions that personal data stays in; empty names none.
        redacts: whether what was found may be replaced instead of being kept in.
        papers: the documents of the one collection; without any nothing embeds in process.
        poor_usd: the budget of the key `poor`; the first workflow may have it as well.
    """

    models: tuple[Model, ...]
    flows: tuple[Flow, ...]
    undeclared: DataClass
    rules: tuple[Rule, ...]
    personal: frozenset[str]
    poor_usd: str
    has_workflow_budget: bool
    redacts: bool = False
    papers: tuple[Paper, ...] = ()

    def model(self, name: str) -> Model:
        return next(model for model in (*self.models, EMBEDDER) if model.name == name)

    def flow(self, name: str | None) -> Flow | None:
        return next((flow for flow in self.flows if flow.name == name), None)

    def write(self, folder: Path, urls: dict[str, str]) -> None:
        """Write the workspace's files; JSON is YAML, so no writer is needed."""
        config: dict[str, Any] = {
            "models": {model.name: model.entry(urls[model.name]) for model in self.models},
            "undeclared_class": self.undeclared.word,
            "policy": {
                "personal_data_jurisdictions": sorted(self.personal),
                "packaged": [*_PACKAGED, "redaction"] if self.redacts else None,
            },
        }
        if self.has_workflow_budget:
            config["budgets"] = {"workflows": {self.flows[1].name: {"usd": self.poor_usd}}}
        if self.papers:
            config["models"][EMBEDDER.name] = _IN_PROCESS
        (folder / "workflows").mkdir(parents=True)
        (folder / "befit.yaml").write_text(json.dumps(config))
        for flow in self.flows:
            (folder / "workflows" / f"{flow.name}.yaml").write_text(json.dumps(flow.entry()))
        (folder / "policies").mkdir()
        for rule in self.rules:
            (folder / "policies" / f"{rule.name}.cedar").write_text(rule.text)


def _models(name: str) -> st.SearchStrategy[Model]:
    return st.builds(
        Model,
        name=st.just(name),
        zone=st.sampled_from(Zone),
        jurisdiction=st.sampled_from([None, *PLACES]),
        stage=st.sampled_from(["approved"] * 9 + ["proposed", "retired"]),
        size=st.sampled_from(["small", "large"]),
        price_usd=st.sampled_from(["1"] * 3 + ["20", None]),
        embeds=st.sampled_from([False] * 5 + [True]),
        behaviour=st.sampled_from(["good"] * 3 + ["wrong"] * 2 + [*REPLIES, DOWN]),
    )


@st.composite
def _flows(draw: st.DrawFn, name: str, models: tuple[str, ...]) -> Flow:
    order = draw(st.permutations(models))[: draw(st.integers(0, len(models)))]
    highest = draw(st.sampled_from([DataClass.RESTRICTED] * 3 + [DataClass.INTERNAL]))
    lower = [declared for declared in DataClass if declared <= highest]
    return Flow(
        name=name,
        check=draw(st.sampled_from(["none", "label", "schema", "confidence"])),
        models=tuple(order),
        ends_at_person=bool(order) and draw(st.booleans()),
        impact=draw(st.sampled_from([Impact.LOW] * 3 + [Impact.HIGH])),
        data_class=draw(st.sampled_from([None, None, *lower])),
        highest_class=highest,
        zones=draw(st.sampled_from([frozenset()] * 3 + [frozenset({zone}) for zone in Zone])),
        jurisdictions=draw(st.sampled_from([frozenset()] * 5 + [frozenset({"DE", "FR"})])),
        tags=draw(st.sampled_from([frozenset()] * 3 + [frozenset({tag}) for tag in Tag])),
    )


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """One to six models, the general workflow and one to three others, and rules."""
    names = tuple(f"m{number}" for number in range(draw(st.integers(1, 6))))
    models = tuple(draw(_models(name)) for name in names)
    speaking = tuple(model.name for model in models if not model.embeds)
    others = tuple(
        draw(_flows(f"w{number}", speaking)) for number in range(draw(st.integers(1, 3)))
    )
    return World(
        models=models,
        flows=(Flow(name="assistant", check="none"), *others),
        undeclared=draw(st.sampled_from([DataClass.INTERNAL, *DataClass])),
        rules=tuple(draw(st.lists(st.sampled_from(RULES), unique=True, max_size=2))),
        personal=draw(st.sampled_from([frozenset(), frozenset(), frozenset({"DE", "FR"})])),
        poor_usd=draw(st.sampled_from(["0.0000001", "0.0006", "0.02"])),
        has_workflow_budget=draw(st.booleans()),
    )


@st.composite
def worlds_with_papers(draw: st.DrawFn) -> World:
    """Such a world with papers, and workflows that answer from them; some models may write."""
    world = draw(worlds())
    models = tuple(replace(model, able=draw(st.booleans())) for model in world.models)
    assistant, own, *others = world.flows
    read = tuple(draw(_reading(flow)) for flow in (own, *others))
    by_name = Flow(name=DOCUMENTS, check="none", reads="quote")
    papers = draw(some_papers(SECRET_ANSWER))
    return replace(world, models=models, flows=(assistant, *read, by_name), papers=papers)


@st.composite
def _reading(draw: st.DrawFn, flow: Flow) -> Flow:
    """The same workflow, but that most answer from papers."""
    reads = draw(st.sampled_from([None, "quote", "write", "write"]))
    if reads is None:
        return flow
    orders = {"models": (), "ends_at_person": False} if reads == "quote" else {}
    collections = draw(st.sampled_from([(), (COLLECTION,)]))
    return replace(flow, check="none", reads=reads, collections=collections, **orders)
