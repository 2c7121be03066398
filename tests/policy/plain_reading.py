"""The packaged rules read a second time, in plain Python and without the engine.

Written from what the rules say in `docs/reference/policy.md`, so that the files, their
translation into entities and contexts, and the engine are compared with a reading that
shares nothing with them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from befit.catalog import ModelCard, Stage
from befit.identity import Principal, Role
from befit.policy import (
    Action,
    Inquiry,
    PolicyChoice,
    ResourceKind,
    Situation,
    SpendBand,
)
from befit.vocabulary import DataClass, Impact, Purpose, SizeClass, Tag, Zone

_OWN = {Zone.DEVICE, Zone.ONPREM, Zone.PRIVATE_CLOUD}
_INSIDE = {Zone.DEVICE, Zone.ONPREM}
_PERSONAL = {Tag.PII, Tag.PHI}
_SERVING = {
    Purpose.ANSWER,
    Purpose.ESCALATION,
    Purpose.FALLBACK,
    Purpose.EMBEDDING,
    Purpose.MATCH,
}
_ROLES_THAT_MAY = {
    Action.TRAIN_ON: {Role.BUILDER, Role.ADMIN},
    Action.AUDIT: {Role.AUDITOR, Role.ADMIN},
    Action.EXPORT: {Role.AUDITOR, Role.ADMIN},
    Action.APPROVE: {Role.REVIEWER, Role.ADMIN},
    Action.ACTIVATE: {Role.ADMIN},
    Action.ADMINISTER: {Role.ADMIN},
    Action.RETRIEVE: {Role.USER, Role.BUILDER, Role.ADMIN},
}
_BOUND_BY_KEYS = set(_ROLES_THAT_MAY) - {Action.RETRIEVE}
_TRYING = {Purpose.EVALUATION, Purpose.PROBE}


@dataclass(frozen=True)
class Read:
    """What the rules come to for one model; `denials` are the rules behind a denial."""

    outcome: str
    form: str | None
    denials: frozenset[str]


def read(choice: PolicyChoice, asked: Situation, card: ModelCard) -> Read:
    """Read all rules for one model of a situation."""
    invoke = set(_invoke_forbids(choice, asked, card))
    if not invoke and not _may_invoke(choice, asked):
        invoke = {"policy/no-permit"}
    raw = set(_send_forbids(choice, asked, card, asked.data_class, asked.tags))
    if not raw and not _may_send_raw(choice, asked.data_class, card.zone):
        raw = {"policy/no-permit"}
    form = "raw" if not raw else None
    redacted: set[str] = set()
    if raw and not invoke and asked.can_redact:
        left = asked.data_class if asked.redacted_class is None else asked.redacted_class
        redacted = set(_redacted_forbids(choice, asked, card, left))
        if not redacted and not _may_send_redacted(choice, left, card.zone):
            redacted = {"policy/no-permit"}
        form = "redacted" if not redacted else None
    if invoke or form is None:
        return Read("denied", None, frozenset(invoke | raw | redacted))
    return Read("person" if _needs_person(choice, asked) else "permitted", form, frozenset())


def read_inquiry(choice: PolicyChoice, asked: Inquiry) -> frozenset[str]:
    """Read all rules for anything but a model; the rules behind a denial, or none."""
    denials: set[str] = set()
    who, what, about = asked.principal, asked.action, asked.resource
    is_workflow = about.kind is ResourceKind.WORKFLOW
    if (
        who.workflows
        and what in _BOUND_BY_KEYS
        and not (is_workflow and about.name in who.workflows)
    ):
        denials.add("system/scoped-keys")
    purposes = about.workflow.purposes if about.workflow else frozenset()
    if what is Action.TRAIN_ON and is_workflow and purposes and Purpose.TRAINING not in purposes:
        denials.add("system/training-purposes")
    if denials:
        return frozenset(denials)
    has_role = bool(who.roles & _ROLES_THAT_MAY.get(what, set()))
    keeps = about.kind is ResourceKind.COLLECTION and about.owner in names_of(who)
    keeps = keeps and what is Action.ADMINISTER and Role.BUILDER in who.roles
    may = "baseline" in choice.packaged and (has_role or keeps)
    return frozenset() if may else frozenset({"policy/no-permit"})


def names_of(who: Principal) -> set[str]:
    """What a file may call somebody."""
    return {who.id, who.name, *(f"group:{group}" for group in who.groups)}


def _invoke_forbids(choice: PolicyChoice, asked: Situation, card: ModelCard) -> Iterator[str]:
    purpose = asked.purpose
    if purpose is Purpose.MATCH and card.zone is not Zone.DEVICE:
        yield "system/inspection-on-device"
    if asked.workflow is not None:
        yield from _workflow_forbids(asked, card)
    if card.stage is not Stage.APPROVED and not (
        card.stage is Stage.PROPOSED and purpose in _TRYING
    ):
        yield "system/approved-models"
    scope = asked.principal.workflows
    if purpose is not Purpose.MATCH and scope and asked.workflow not in scope:
        yield "system/key-workflows"
    if card.tenants and asked.principal.tenant not in card.tenants:
        yield "system/tenant-models"
    if "spend" in choice.packaged and card.zone is Zone.EXTERNAL:
        if asked.spend_band is SpendBand.CRITICAL:
            yield "spend/critical-stays-inside"
        if asked.spend_band is SpendBand.HIGH and card.size is SizeClass.LARGE:
            yield "spend/high-takes-the-small"


def _workflow_forbids(asked: Situation, card: ModelCard) -> Iterator[str]:
    if asked.zones and card.zone not in asked.zones:
        yield "system/workflow-zones"
    if asked.jurisdictions and card.jurisdiction not in asked.jurisdictions:
        yield "system/workflow-jurisdictions"
    if asked.purposes and not _is_allowed(asked.purpose, asked.purposes):
        yield "system/workflow-purposes"
    trying = {*_TRYING, Purpose.TRAINING}
    stage = asked.workflow_stage
    if stage is not Stage.APPROVED and not (stage is Stage.PROPOSED and asked.purpose in trying):
        yield "system/approved-workflows"


def _is_allowed(purpose: Purpose, allowed: frozenset[Purpose]) -> bool:
    if purpose is Purpose.PROBE:
        return True
    return purpose in allowed or (purpose in _SERVING and Purpose.ANSWER in allowed)


def _may_invoke(choice: PolicyChoice, asked: Situation) -> bool:
    if "baseline" not in choice.packaged:
        return False
    roles = asked.principal.roles
    if roles & {Role.BUILDER, Role.ADMIN}:
        return True
    return Role.USER in roles and asked.purpose in _SERVING


def _send_forbids(
    choice: PolicyChoice,
    asked: Situation,
    card: ModelCard,
    data_class: DataClass,
    tags: frozenset[Tag],
) -> Iterator[str]:
    is_classed = asked.purpose is not Purpose.MATCH
    if is_classed and asked.workflow is not None and data_class > asked.highest_class:
        yield "system/workflow-class"
    if "sovereignty" in choice.packaged:
        if data_class is DataClass.RESTRICTED and card.zone not in _INSIDE:
            yield "sovereignty/restricted-inside"
        places = choice.personal_data_jurisdictions
        is_placed = card.zone is Zone.DEVICE or card.jurisdiction in places
        if places and tags & _PERSONAL and not is_placed:
            yield "sovereignty/personal-data-jurisdictions"
    if "purpose" in choice.packaged and asked.purpose is Purpose.TRAINING and tags & _PERSONAL:
        named = asked.purposes if asked.workflow is not None else frozenset()
        if Purpose.TRAINING not in named:
            yield "purpose/personal-data-trains-where-named"
    is_proposed = "lifecycle" in choice.packaged and card.stage is Stage.PROPOSED
    if is_proposed and data_class is DataClass.RESTRICTED and card.zone is not Zone.DEVICE:
        yield "lifecycle/proposed-models-see-no-restricted-data"


def _redacted_forbids(
    choice: PolicyChoice, asked: Situation, card: ModelCard, left: DataClass
) -> Iterator[str]:
    yield from _send_forbids(choice, asked, card, left, asked.redacted_tags)
    is_controlled = Tag.EXPORT_CONTROLLED in asked.redacted_tags
    if "redaction" in choice.packaged and is_controlled and card.zone is Zone.EXTERNAL:
        yield "redaction/never-export-controlled"


def _may_send_raw(choice: PolicyChoice, data_class: DataClass, zone: Zone) -> bool:
    if "baseline" not in choice.packaged:
        return False
    if data_class is DataClass.PUBLIC or zone in _INSIDE:
        return True
    return data_class <= DataClass.CONFIDENTIAL and zone in _OWN


def _may_send_redacted(choice: PolicyChoice, left: DataClass, zone: Zone) -> bool:
    if "redaction" not in choice.packaged:
        return False
    if left is DataClass.PUBLIC:
        return True
    return left <= DataClass.CONFIDENTIAL and zone in _OWN


def _needs_person(choice: PolicyChoice, asked: Situation) -> bool:
    if "baseline" not in choice.packaged:
        return True
    return "impact" in choice.packaged and asked.impact is Impact.HIGH
