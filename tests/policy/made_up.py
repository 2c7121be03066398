"""Cards and situations for the tests of this room, chosen or random."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from random import Random

from befit.catalog import Catalog, ModelCard, Stage, Via, Workflow
from befit.identity import EVERYONE, Principal, Role, local_administrator
from befit.policy import (
    Action,
    ClassOrigin,
    Inquiry,
    Resource,
    ResourceKind,
    Situation,
    SpendBand,
)
from befit.vocabulary import DataClass, Impact, Purpose, SizeClass, Tag, Zone

PLACES = ("DE", "FR", "US")
WORKFLOWS = ("triage", "advice", "summaries")
TENANTS = ("default", "second")
_ABOUT_WORKFLOWS = (
    Action.TRAIN_ON,
    Action.AUDIT,
    Action.EXPORT,
    Action.APPROVE,
    Action.ACTIVATE,
    Action.ADMINISTER,
)


def card(zone: Zone = Zone.DEVICE, **changes: object) -> ModelCard:
    made = ModelCard(
        name=f"model-{zone}", family="f", size=SizeClass.LARGE, via=Via.OPENAI, zone=zone
    )
    return replace(made, **changes)


def situation(data_class: DataClass, *cards: ModelCard, **changes: object) -> Situation:
    made = Situation(
        principal=local_administrator(),
        purpose=Purpose.ANSWER,
        workflow="triage",
        impact=Impact.LOW,
        data_class=data_class,
        class_origin=ClassOrigin.CALLER,
        tags=frozenset(),
        highest_class=DataClass.RESTRICTED,
        zones=frozenset(),
        jurisdictions=frozenset(),
        catalog_version="1",
        candidate_names=tuple(each.name for each in cards),
        candidates=cards,
    )
    return replace(made, **changes)


def catalog(*cards: ModelCard, **workflows: object) -> Catalog:
    return Catalog(
        cards={each.name: each for each in cards}, workflows=workflows, contents={}, version="1"
    )


def some(random: Random, values: object, *, most: int = 2) -> frozenset:
    """A few of the values, often none."""
    choices = list(values)
    return frozenset(random.sample(choices, random.randint(0, min(most, len(choices)))))


def random_card(random: Random, number: int) -> ModelCard:
    return card(
        random.choice(list(Zone)),
        name=f"m{number}",
        size=random.choice(list(SizeClass)),
        via=random.choice(list(Via)),
        jurisdiction=random.choice((None, *PLACES)),
        stage=random.choices(list(Stage), (2, 8, 1))[0],
        tenants=some(random, TENANTS, most=1) if random.random() < 0.3 else frozenset(),
        cost=None,
        parameters_billion=Decimal(number),
    )


def random_principal(random: Random) -> Principal:
    return Principal(
        id=f"key:{random.randint(1, 9)}",
        name="somebody",
        tenant=random.choice(TENANTS),
        roles=some(random, Role, most=3) or frozenset({Role.USER}),
        groups=frozenset({EVERYONE}) | some(random, ("ward", "sales")),
        workflows=some(random, WORKFLOWS) if random.random() < 0.3 else frozenset(),
    )


def random_situation(random: Random, *, candidates: int = 2) -> Situation:
    cards = tuple(random_card(random, number) for number in range(candidates))
    workflow = random.choice((None, *WORKFLOWS))
    classes, tags = list(DataClass), some(random, Tag)
    data_class = random.choice(classes)
    found = random.random() < 0.4
    of_workflow: dict[str, object] = {}
    if workflow is not None:
        of_workflow = {
            "workflow_stage": random.choices(list(Stage), (2, 8, 1))[0],
            "workflow_owner": random.choice(("", "billing")),
            "impact": random.choice(list(Impact)),
            "highest_class": random.choice(classes),
            "zones": some(random, Zone, most=3),
            "jurisdictions": some(random, PLACES),
            "purposes": some(random, (Purpose.ANSWER, Purpose.EVALUATION, Purpose.TRAINING)),
        }
    return situation(
        data_class,
        *cards,
        principal=random_principal(random),
        purpose=random.choice(list(Purpose)),
        workflow=workflow,
        class_origin=random.choice(list(ClassOrigin)),
        tags=tags,
        redacted_class=random.choice(classes[: data_class + 1]) if found else None,
        redacted_tags=some(random, tags) if found else frozenset(),
        can_redact=found and random.random() < 0.8,
        hour=random.randint(0, 23),
        spend_band=random.choice(list(SpendBand)),
        catalog_version=str(random.random()),
        **of_workflow,
    )


def random_inquiry(random: Random) -> Inquiry:
    """A question apart from models; each action about what the schema lets it be about."""
    asking = [
        *((action, _workflow_of(random)) for action in _ABOUT_WORKFLOWS),
        *((action, Resource()) for action in _ABOUT_WORKFLOWS),
        (Action.ACTIVATE, Resource.of_model(random_card(random, 1))),
        (Action.ADMINISTER, Resource.of_model(random_card(random, 1))),
        (Action.AUDIT, Resource(kind=ResourceKind.COLLECTION, name="triage")),
        (Action.TRAIN_ON, Resource(kind=ResourceKind.DOCUMENT, name="triage")),
        (Action.RETRIEVE, Resource(kind=ResourceKind.DOCUMENT, name="triage")),
        (Action.ADMINISTER, _collection_of(random)),
    ]
    action, resource = random.choice(asking)
    principal = random_principal(random)
    return Inquiry(
        principal=principal, action=action, resource=resource, hour=random.randint(0, 23)
    )


def _collection_of(random: Random) -> Resource:
    """A collection that may be the asker's own."""
    owner = random.choice([*sorted(random_principal(random).groups), "nobody"])
    name = random.choice(["triage", "records"])
    return Resource(kind=ResourceKind.COLLECTION, name=name, owner=f"group:{owner}")


def _workflow_of(random: Random) -> Resource:
    name, purposes = random.choice(WORKFLOWS), some(random, Purpose)
    return Resource.of_workflow(Workflow(name=name, version="1", purposes=purposes))
