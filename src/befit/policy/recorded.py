"""A situation as decisions record it, so that it can be put to other rules later.

    fields["situation"] = situation_fields(situation)    # in `reserved` or `closed`
    fields["asker"] = asker_fields(situation)            # in the section that names the caller
    situation = situation_from(raw, catalog, asker=who)  # for `policy simulate`

Facts only: no content. Who asked stands apart, groups and roles included: in a small group they
say who it was. Models are named;
what they are is read from a catalog.
"""

from __future__ import annotations

import msgspec

from befit.catalog import Catalog, Stage
from befit.errors import InvalidRequest
from befit.identity import Principal, Role
from befit.policy.classification import ClassOrigin
from befit.policy.situation import Situation, SpendBand
from befit.vocabulary import DEFAULT_TENANT, DataClass, Impact, Purpose, Tag, Zone


class RecordedSituation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """The facts of a situation; what is not told has its usual value.

    Attributes:
        tenant: of who asked.
        class_origin: the member's name, such as `undeclared`.
    """

    models: tuple[str, ...]
    catalog: str
    data_class: DataClass
    class_origin: str
    purpose: Purpose
    tenant: str = DEFAULT_TENANT
    workflow: str | None = None
    workflow_stage: Stage = Stage.APPROVED
    workflow_owner: str = ""
    impact: Impact = Impact.LOW
    tags: tuple[str, ...] = ()
    highest_class: DataClass = DataClass.RESTRICTED
    zones: tuple[str, ...] = ()
    jurisdictions: tuple[str, ...] = ()
    purposes: tuple[str, ...] = ()
    redacted_class: DataClass | None = None
    redacted_tags: tuple[str, ...] = ()
    can_redact: bool = False
    hour: int = 0
    spend_band: SpendBand = SpendBand.NONE


class RecordedAsker(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What policy knew of who asked, apart from the id."""

    roles: tuple[str, ...] = ("user",)
    groups: tuple[str, ...] = ()
    key_workflows: tuple[str, ...] = ()


def asker_fields(situation: Situation) -> RecordedAsker:
    """What a decision records of who asked, in the section that names the caller."""
    principal = situation.principal
    return RecordedAsker(
        roles=tuple(sorted(principal.roles)),
        groups=tuple(sorted(principal.groups)),
        key_workflows=tuple(sorted(principal.workflows)),
    )


def situation_fields(situation: Situation) -> RecordedSituation:
    """What a decision records of a situation; msgspec encodes it, a few hundred bytes."""
    return RecordedSituation(
        models=situation.candidate_names,
        catalog=situation.catalog_version,
        data_class=situation.data_class,
        class_origin=situation.class_origin.name.lower(),
        purpose=situation.purpose,
        tenant=situation.principal.tenant,
        workflow=situation.workflow,
        workflow_stage=situation.workflow_stage,
        workflow_owner=situation.workflow_owner,
        impact=situation.impact,
        tags=tuple(sorted(situation.tags)),
        highest_class=situation.highest_class,
        zones=tuple(sorted(situation.zones)),
        jurisdictions=tuple(sorted(situation.jurisdictions)),
        purposes=tuple(sorted(situation.purposes)),
        redacted_class=situation.redacted_class,
        redacted_tags=tuple(sorted(situation.redacted_tags)),
        can_redact=situation.can_redact,
        hour=situation.hour,
        spend_band=situation.spend_band,
    )


def situation_from(
    recorded: bytes, catalog: Catalog, *, principal_id: str, asker: bytes = b"{}"
) -> Situation:
    """A recorded situation over the models of a catalog; those it no longer has are left out.

    Raises:
        InvalidRequest: it is none of this version's.
    """
    try:
        told = msgspec.json.decode(recorded, type=RecordedSituation)
        who = msgspec.json.decode(asker, type=RecordedAsker)
        cards = tuple(catalog.cards[name] for name in told.models if name in catalog.cards)
        return Situation(
            principal=Principal(
                id=principal_id,
                name=principal_id,
                tenant=told.tenant,
                roles=frozenset(map(Role, who.roles)),
                groups=frozenset(who.groups),
                workflows=frozenset(who.key_workflows),
            ),
            purpose=told.purpose,
            workflow=told.workflow,
            workflow_stage=told.workflow_stage,
            workflow_owner=told.workflow_owner,
            impact=told.impact,
            data_class=told.data_class,
            class_origin=ClassOrigin[told.class_origin.upper()],
            tags=frozenset(map(Tag, told.tags)),
            redacted_class=told.redacted_class,
            redacted_tags=frozenset(map(Tag, told.redacted_tags)),
            can_redact=told.can_redact,
            highest_class=told.highest_class,
            zones=frozenset(map(Zone, told.zones)),
            jurisdictions=frozenset(told.jurisdictions),
            purposes=frozenset(map(Purpose, told.purposes)),
            hour=told.hour,
            spend_band=told.spend_band,
            catalog_version=catalog.version,
            candidate_names=tuple(card.name for card in cards),
            candidates=cards,
        )
    except (msgspec.DecodeError, KeyError, ValueError) as error:
        raise InvalidRequest(f"a recorded situation cannot be read: {error}") from None
