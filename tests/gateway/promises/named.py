"""Worlds drawn by hand: every limit alone, so that none is missed where chance misses it."""

from __future__ import annotations

from dataclasses import replace

from befit.vocabulary import DataClass, Impact, Tag, Zone
from tests.gateway.promises.asking import WORDS, Ask, Scenario
from tests.gateway.promises.rules import Rule
from tests.gateway.promises.surface import CHAT, DETECT, EMBEDDINGS, RUN
from tests.gateway.promises.world import Flow, Model, World


def _model(name: str, zone: Zone, place: str | None, **others: object) -> Model:
    # Among equals the route takes names in order, so what lies farthest comes first.
    given: dict[str, object] = {
        "stage": "approved",
        "size": "small",
        "price_usd": "1",
        "embeds": False,
        "behaviour": "good",
        **others,
    }
    return Model(name=name, zone=zone, jurisdiction=place, **given)


_MODELS = (
    _model("a-retired", Zone.DEVICE, None, stage="retired"),
    _model("b-proposed", Zone.DEVICE, None, stage="proposed"),
    _model("c-external", Zone.EXTERNAL, "US"),
    _model("d-unpriced", Zone.EXTERNAL, "DE", price_usd=None),
    _model("e-cloud", Zone.PRIVATE_CLOUD, "FR"),
    _model("f-large", Zone.ONPREM, "DE", size="large"),
    _model("g-device", Zone.DEVICE, None),
    _model("h-vectors", Zone.EXTERNAL, "DE", embeds=True),
)
_FLOWS = (
    Flow(name="assistant", check="none"),
    Flow(name="own", check="none"),
    Flow(name="zoned", check="none", zones=frozenset({Zone.DEVICE})),
    Flow(name="placed", check="label", jurisdictions=frozenset({"DE"})),
    Flow(name="low", check="none", highest_class=DataClass.INTERNAL),
    Flow(name="weighty", check="none", impact=Impact.HIGH),
    Flow(name="guarded", check="schema", data_class=DataClass.CONFIDENTIAL),
    Flow(name="health", check="none", tags=frozenset({Tag.PHI})),
    Flow(name="listed", check="none", models=("e-cloud",), ends_at_person=True),
)
_PUBLIC = DataClass.PUBLIC
_CLASSES = 5


def every_limit(**changes: object) -> Scenario:
    """One world with every limit in it, and requests that each meet one of them."""
    asked: tuple[dict[str, object], ...] = (
        *({"target": f"workflow:{flow.name}", "declared": _PUBLIC} for flow in _FLOWS),
        *({"target": model.name, "declared": _PUBLIC} for model in _MODELS),
        *({"target": "workflow:own", "declared": each} for each in (None, *DataClass)),
        {"target": "workflow:low", "declared": DataClass.CONFIDENTIAL},
        {"target": "workflow:own", "declared": _PUBLIC, "tags": (Tag.PII,)},
        {"target": "workflow:own", "declared": _PUBLIC, "content": "card"},
        {"target": "c-external", "declared": _PUBLIC, "content": "card", "stream": True},
        {"target": "workflow:own", "declared": _PUBLIC, "content": "image"},
        {"target": "workflow:low", "declared": _PUBLIC, "content": "image"},
        {"target": "workflow:own", "declared": DataClass.RESTRICTED, "conversation": "talk"},
        {"target": "workflow:own", "declared": _PUBLIC, "conversation": "talk"},
        {"target": "workflow:own", "declared": _PUBLIC, "key": "scoped"},
        {"target": "workflow:zoned", "declared": _PUBLIC, "key": "scoped"},
        {"target": "g-device", "declared": _PUBLIC, "key": "scoped"},
        {"target": "workflow:own", "declared": _PUBLIC, "key": "poor", "stream": True},
        {"target": "d-unpriced", "declared": _PUBLIC, "key": "poor"},
        {"target": "c-external", "workflow": "weighty", "declared": _PUBLIC},
        {"target": "workflow:own", "workflow": "zoned", "declared": _PUBLIC},
        {"at": RUN, "target": "weighty", "declared": _PUBLIC},
        {"at": RUN, "target": "zoned", "declared": _PUBLIC, "content": "card"},
        {"at": DETECT, "content": "card"},
        {"at": EMBEDDINGS, "target": "h-vectors", "declared": _PUBLIC},
        {"at": EMBEDDINGS, "target": "h-vectors"},
        {"at": EMBEDDINGS, "target": "h-vectors", "declared": _PUBLIC, "content": "card"},
    )
    asks = tuple(
        Ask(**{"word": word, "at": CHAT, "key": "plain", **ask})
        for word, ask in zip(WORDS, asked, strict=False)
    )
    assert len(asks) == len(asked), f"{len(asked)} requests need as many words"
    world: dict[str, object] = {
        "models": _MODELS,
        "flows": _FLOWS,
        "undeclared": DataClass.INTERNAL,
        "rules": (),
        "personal": frozenset({"DE"}),
        "poor_usd": "0.0006",
        "has_workflow_budget": False,
        **changes,
    }
    return Scenario(world=World(**world), asks=asks, at_once=False)


def under_rule(rule: Rule) -> Scenario:
    """The same world with one rule of the company's own, and what its rules can depend on."""
    scenario = every_limit(rules=(rule,))
    return replace(scenario, asks=scenario.asks[: len(_FLOWS) + len(_MODELS) + _CLASSES])
