"""Reasons: the sentences that users read where something is denied, each with its rule.

A rule's `@reason` may name facts of the question in braces, such as `{zone}`; `{{` is a
brace. Where a rule gives none, and where no rule permits, the sentence is made here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from string import Formatter

from befit.catalog import ModelCard, stage_in_words
from befit.errors import nearest
from befit.policy.situation import Inquiry, Situation
from befit.vocabulary import DataClass, Tag

_UNKNOWN = "-"
_WHO = ("principal", "roles", "tenant", "hour")
_REQUEST = (
    "class",
    "origin",
    "tags",
    "purpose",
    "impact",
    "spend_band",
    "workflow",
    "workflow_stage",
    "highest_class",
    "zones",
    "jurisdictions",
    "purposes",
    "key_workflows",
    "personal_data_jurisdictions",
)
_MODEL = ("model", "zone", "jurisdiction", "provider", "stage", "size")
_RESOURCE = ("resource", "owner")

WORDS = (*_WHO, *_REQUEST, *_MODEL, *_RESOURCE)
"""What a reason may name in braces."""


class _Facts(dict[str, str]):
    """Facts by their word; what a question does not have is shown as a dash."""

    def __missing__(self, word: str) -> str:
        return _UNKNOWN


def request_words(situation: Situation, personal: frozenset[str]) -> dict[str, str]:
    """What reasons may name of a request, whichever model it is about."""
    principal = situation.principal
    return {
        "principal": principal.name,
        "roles": listed(principal.roles),
        "tenant": principal.tenant,
        "hour": str(situation.hour),
        "origin": situation.class_origin,
        "purpose": situation.purpose,
        "impact": situation.impact,
        "spend_band": situation.spend_band,
        "workflow": situation.workflow or _UNKNOWN,
        "workflow_stage": situation.workflow_stage_words or situation.workflow_stage,
        "highest_class": situation.highest_class.word,
        "zones": listed(situation.zones),
        "jurisdictions": listed(situation.jurisdictions),
        "purposes": listed(situation.purposes),
        "key_workflows": listed(principal.workflows),
        "personal_data_jurisdictions": listed(personal),
        "owner": situation.workflow_owner or _UNKNOWN,
    }


def content_words(data_class: DataClass, tags: Iterable[Tag]) -> dict[str, str]:
    """What reasons may name of the content, in the form that it is sent in."""
    return {"class": data_class.word, "tags": listed(tags)}


def model_words(card: ModelCard) -> dict[str, str]:
    """What reasons may name of a model."""
    return {
        "model": card.name,
        "resource": card.name,
        "zone": card.zone,
        "jurisdiction": card.jurisdiction or "an unknown jurisdiction",
        "provider": card.via,
        "stage": stage_in_words(card),
        "size": card.size,
    }


def inquiry_words(inquiry: Inquiry) -> dict[str, str]:
    """What reasons may name of anything else that is asked for."""
    principal, resource = inquiry.principal, inquiry.resource
    facts = {
        "principal": principal.name,
        "roles": listed(principal.roles),
        "tenant": principal.tenant,
        "hour": str(inquiry.hour),
        "resource": resource.name,
        "workflow": resource.name,
        "model": resource.name,
        "owner": resource.owner or _UNKNOWN,
        "stage": resource.stage,
        "workflow_stage": resource.stage,
        "tags": listed(resource.tags),
        "key_workflows": listed(principal.workflows),
    }
    if resource.workflow is not None:
        facts["purposes"] = listed(resource.workflow.purposes)
    return facts if resource.card is None else facts | model_words(resource.card)


def reason_faults(template: str) -> Iterator[tuple[str, str | None]]:
    """What is wrong with a rule's reason: each fault, and what to write instead."""
    try:
        parts = tuple(Formatter().parse(template))
    except ValueError as error:
        yield f"a @reason that cannot be read ({error})", "write {{ and }} for braces"
        return
    for _, word, form, conversion in parts:
        if word is not None and (form or conversion or word not in WORDS):
            hint = nearest(word, WORDS) or f"it may name {', '.join(sorted(WORDS))}"
            yield f"a @reason that names {word!r}", hint


def sentence(template: str, facts: Mapping[str, str], rule_id: str) -> str:
    """A reason about one question, with its rule at the end."""
    return f"{template.format_map(_Facts(facts))} (rule {rule_id})"


def listed(words: Iterable[str]) -> str:
    """Words in the order of the alphabet, or `none`."""
    return ", ".join(sorted(words)) or "none"
