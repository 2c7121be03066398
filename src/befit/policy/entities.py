"""Cedar's view of our values: entities and contexts, always as JSON and never as text.

A name goes in as a value of its own, so that quotes, line ends or `::` in it mean nothing.
What is not known of something is taken at its most careful: of high impact, restricted,
outside.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from befit.catalog import ModelCard, Requirements
from befit.identity import Principal
from befit.policy.engine import Entity, Uid
from befit.policy.situation import Inquiry, Resource, ResourceKind, Situation
from befit.vocabulary import DataClass, Impact, Purpose, SizeClass, Tag, Zone

_GROUP = "group:"
_SERVING = (Purpose.ESCALATION, Purpose.FALLBACK, Purpose.EMBEDDING, Purpose.MATCH)


def principal_uid(principal: Principal) -> Uid:
    """Who asks."""
    return Uid(type="Principal", id=principal.id)


def model_uid(name: str) -> Uid:
    """The model of that name."""
    return Uid(type="Model", id=name)


def resource_uid(resource: Resource) -> Uid:
    """What something is done to."""
    return Uid(type=resource.kind, id=resource.name)


def principal_entities(principal: Principal) -> Iterator[Entity]:
    """Who asks, and the groups they are in."""
    groups = [Uid(type="Group", id=group) for group in sorted(principal.groups)]
    attrs = {
        "roles": sorted(principal.roles),
        "tenant": principal.tenant,
        "names": sorted(_names(principal)),
        "workflows": [_reference("Workflow", name) for name in sorted(principal.workflows)],
    }
    yield _entity(principal_uid(principal), attrs, parents=groups)
    for group in groups:
        yield _entity(group, {})


def model_entity(card: ModelCard) -> Entity:
    """A card, as far as rules may ask about it."""
    return _entity(model_uid(card.name), model_facts(card))


def model_facts(card: ModelCard) -> dict[str, object]:
    """The attributes of a card; hashable, so that cards can be compared by them."""
    facts: dict[str, object] = {
        "owner": card.owner,
        "zone": card.zone,
        "provider": card.via,
        "stage": card.stage,
        "size": card.size,
        "priced": card.is_in_process or card.cost is not None,
        "tenants": tuple(sorted(card.tenants)),
    }
    if card.jurisdiction is not None:
        facts["jurisdiction"] = card.jurisdiction
    return facts


def workflow_entities(situation: Situation) -> Iterator[Entity]:
    """The workflow that a request runs, if any."""
    if situation.workflow is None:
        return
    attrs = {
        "owner": situation.workflow_owner,
        "stage": situation.workflow_stage,
        "impact": situation.impact,
        "purposes": sorted(_widened(situation.purposes)),
        "zones": sorted(situation.zones),
        "jurisdictions": sorted(situation.jurisdictions),
        "highest_class": int(situation.highest_class),
    }
    yield _entity(Uid(type="Workflow", id=situation.workflow), attrs)


def request_context(
    situation: Situation, data_class: DataClass, tags: Iterable[Tag], personal: frozenset[str]
) -> str:
    """The context of a request whose content is of that class and those tags.

    `personal` names the jurisdictions that personal data may be in; empty names none.
    """
    context: dict[str, object] = {
        "data_class": int(data_class),
        "data_class_word": data_class.word,
        "tags": sorted(tags),
        "purpose": situation.purpose,
        "impact": situation.impact,
        "hour": situation.hour,
        "spend_band": situation.spend_band,
    }
    if situation.workflow is not None:
        context["workflow"] = _reference("Workflow", situation.workflow)
    if personal:
        context["personal_data_jurisdictions"] = sorted(personal)
    return _json(context)


def inquiry_entities(inquiry: Inquiry) -> Iterator[Entity]:
    """Who asks, and what about."""
    yield from principal_entities(inquiry.principal)
    resource = inquiry.resource
    within = resource.collection
    parents = [Uid(type=ResourceKind.COLLECTION, id=within)] if within else []
    yield _entity(resource_uid(resource), _resource_attrs(resource), parents=parents)


def inquiry_context(inquiry: Inquiry) -> str:
    """The context of an inquiry."""
    return _json({"hour": inquiry.hour})


def _resource_attrs(resource: Resource) -> dict[str, object]:
    if resource.kind is ResourceKind.MODEL:
        return model_facts(resource.card) if resource.card else _unknown_model(resource)
    if resource.kind is ResourceKind.WORKFLOW:
        return _workflow_attrs(resource)
    if resource.kind is ResourceKind.WORKSPACE:
        return {}
    data_class = DataClass.RESTRICTED if resource.data_class is None else resource.data_class
    return {
        "owner": resource.owner,
        "data_class": int(data_class),
        "tags": sorted(resource.tags),
    }


def _unknown_model(resource: Resource) -> dict[str, object]:
    return {
        "owner": resource.owner,
        "zone": Zone.EXTERNAL,
        "provider": "",
        "stage": resource.stage,
        "size": SizeClass.LARGE,
        "priced": False,
        "tenants": [],
    }


def _workflow_attrs(resource: Resource) -> dict[str, object]:
    workflow = resource.workflow
    wants = workflow.requirements if workflow else Requirements()
    reviewers = {"reviewers": sorted(workflow.reviewers)} if workflow else {}
    return {
        **reviewers,
        "owner": resource.owner,
        "stage": resource.stage,
        "impact": workflow.impact if workflow else Impact.HIGH,
        "purposes": sorted(_widened(workflow.purposes if workflow else frozenset())),
        "zones": sorted(wants.zones),
        "jurisdictions": sorted(wants.jurisdictions),
        "highest_class": int(wants.highest_class),
    }


def _names(principal: Principal) -> Iterator[str]:
    for name in {principal.id, principal.name}:
        if not name.startswith(_GROUP):  # a person's name is not taken for a group's
            yield name
    for group in principal.groups:
        yield _GROUP + group


def _widened(purposes: frozenset[Purpose]) -> frozenset[Purpose]:
    """Who allows an answer allows the calls that make it; a probe carries no data of anybody."""
    if not purposes:
        return purposes
    serving = _SERVING if Purpose.ANSWER in purposes else ()
    return purposes | {*serving, Purpose.PROBE}


def _entity(uid: Uid, attrs: Mapping[str, object], parents: Iterable[Uid] = ()) -> Entity:
    return {"uid": uid, "attrs": attrs, "parents": tuple(parents)}


def _reference(kind: str, name: str) -> dict[str, object]:
    return {"__entity": {"type": kind, "id": name}}


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
