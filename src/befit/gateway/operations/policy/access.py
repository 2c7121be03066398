"""The operation `access`: what somebody may reach, and by which rule, as policy itself says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence

from befit.catalog import AnswerMode, Capability, Catalog, ModelCard, Workflow
from befit.errors import InvalidRequest
from befit.gateway.operations.entitled import require
from befit.gateway.operations.operation import OpDocument, OpParams, operation
from befit.gateway.operations.people.who import Somebody, find_somebody
from befit.identity import Principal
from befit.knowledge import Collection
from befit.platform import Platform
from befit.policy import (
    Action,
    ClassOrigin,
    Inquiry,
    Policy,
    Resource,
    ResourceKind,
    Situation,
    Verdict,
    workflow_facts,
)
from befit.vocabulary import DataClass, Purpose, Tag

_MYSELF = "me"
_ANSWERING = frozenset({Capability.CHAT, Capability.LABELS})
_WORKSPACE_ACTIONS = (Action.TRAIN_ON, Action.AUDIT, Action.EXPORT, Action.ADMINISTER)
_WORKFLOW_ACTIONS = (Action.APPROVE, Action.TRAIN_ON, Action.ACTIVATE)
_COLLECTION_ACTIONS = (Action.RETRIEVE, Action.ADMINISTER)


class AccessParams(OpParams, frozen=True, kw_only=True):
    """Whose access: `me`, a person's name or id, a key's id, `group:NAME`, `role:NAME`.

    `tags` are what the content carries beside what a workflow declares.
    """

    who: str = _MYSELF
    tags: tuple[str, ...] = ()


class WhoDocument(OpDocument, frozen=True, kw_only=True):
    """Whose access it is. `notes` say what keeps them from using it at all."""

    kind: str
    id: str
    name: str
    tenant: str
    roles: tuple[str, ...]
    groups: tuple[str, ...]
    workflows: tuple[str, ...]
    notes: tuple[str, ...]


class ReachDocument(OpDocument, frozen=True, kw_only=True):
    """What may happen to content of one class.

    Attributes:
        form: `raw`, `redacted` (where all that was found in it can be replaced), or null
            where it may not go at all.
        unattended: whether an answer may go out without a person.
        rules: the rules that decided.
        reasons: why not, one sentence a rule; empty where it may go.
    """

    data_class: str
    form: str | None
    unattended: bool
    rules: tuple[str, ...]
    reasons: tuple[str, ...]


class RowDocument(OpDocument, frozen=True, kw_only=True):
    """One model for one workflow; without a workflow the request names the model.

    Attributes:
        raw_up_to: the class up to which content may go as it is, from the least that the
            workflow has; null where not even that one may.
        usable_up_to: the same, where redacted counts too.
        unattended_up_to: the class up to which answers may go out without a person.
    """

    workflow: str | None
    model: str
    zone: str
    stage: str
    raw_up_to: str | None
    usable_up_to: str | None
    unattended_up_to: str | None
    classes: tuple[ReachDocument, ...]


class ActionDocument(OpDocument, frozen=True, kw_only=True):
    """Whether something beside asking is permitted.

    `on` is `workspace`, `workflow:NAME`, `model:NAME` or `collection:NAME`. Which documents of a
    collection may be read, their access lists say (`befit knowledge why`).
    """

    action: str
    on: str
    permitted: bool
    rules: tuple[str, ...]
    reasons: tuple[str, ...]


class AccessDocument(OpDocument, frozen=True, kw_only=True):
    """What `befit access --json` prints: rows by workflow and model, actions by resource."""

    who: WhoDocument
    policy: str
    catalog: str
    tags: tuple[str, ...]
    rows: tuple[RowDocument, ...]
    actions: tuple[ActionDocument, ...]


async def show_access(
    platform: Platform, principal: Principal, params: AccessParams
) -> AccessDocument:
    """What somebody may reach now: every workflow, model and class put to policy.

    Everybody may ask about themselves; about others, who may audit.

    Raises:
        Forbidden: the principal may not audit.
        NotFound: nobody of that name.
        InvalidRequest: no such tag.
    """
    if params.who == _MYSELF:
        who = Somebody(kind="me", principal=principal)
    else:
        require(platform, principal, Action.AUDIT, "see the access of others")
        who = await find_somebody(platform, principal.tenant, params.who)
    asking = _Asking(
        principal=who.principal,
        policy=platform.policy.aside(),
        catalog=platform.catalog.current.of(principal.tenant),
        collections=await platform.stores.knowledge.collections.list(principal.tenant),
        tags=_tags(params.tags),
    )
    # Anybody may ask, and a large catalog is hundreds of questions: however many ask at once,
    # between two steps of requests stands one question.
    async with platform.long_look:
        rows = await asking.rows()
        actions = await asking.actions()
    return AccessDocument(
        who=_who_document(who),
        policy=asking.policy.hash,
        catalog=asking.catalog.version,
        tags=tuple(sorted(asking.tags)),
        rows=rows,
        actions=actions,
    )


class _Asking:
    """One principal's questions to one version of policy and catalog."""

    def __init__(
        self,
        *,
        principal: Principal,
        policy: Policy,
        catalog: Catalog,
        collections: Sequence[Collection],
        tags: frozenset[Tag],
    ) -> None:
        self.principal = principal
        self.policy = policy
        self.catalog = catalog
        self.collections = collections
        self.tags = tags
        self._hour = time.gmtime().tm_hour

    async def rows(self) -> tuple[RowDocument, ...]:
        """Each workflow's models, then each model by its own name."""
        found: list[RowDocument] = []
        workflows = sorted(self.catalog.workflows.values(), key=lambda each: each.name)
        for workflow in (*workflows, None):
            cards = tuple(_cards_for(workflow, self.catalog))
            verdicts: list[tuple[DataClass, dict[str, Verdict]]] = []
            for data_class in _classes(workflow):
                situation = self._situation(workflow, cards, data_class)
                verdicts.append((data_class, dict(self.policy.decide(situation).by_model)))
                await asyncio.sleep(0)
            found += [_row(workflow, card, verdicts) for card in cards]
        return tuple(found)

    async def actions(self) -> tuple[ActionDocument, ...]:
        """What else is permitted, on the workspace and on each thing that has a name."""
        found: list[ActionDocument] = []
        for action, resource, on in _askable(self.catalog, self.collections):
            found.append(self._action(action, resource, on))
            await asyncio.sleep(0)
        return tuple(found)

    def _action(self, action: Action, resource: Resource, on: str) -> ActionDocument:
        inquiry = Inquiry(
            principal=self.principal, action=action, resource=resource, hour=self._hour
        )
        ruling = self.policy.judge(inquiry)
        return ActionDocument(
            action=action,
            on=on,
            permitted=ruling.permitted,
            rules=ruling.rule_ids,
            reasons=ruling.reasons,
        )

    def _situation(
        self, workflow: Workflow | None, cards: tuple[ModelCard, ...], data_class: DataClass
    ) -> Situation:
        """The question that a request of that class would put, were all found in it replaceable."""
        own = workflow.tags if workflow else frozenset[Tag]()
        return Situation(
            principal=self.principal,
            purpose=Purpose.ANSWER,
            data_class=data_class,
            class_origin=ClassOrigin.CALLER,
            tags=own | self.tags,
            redacted_class=_classes(workflow)[0],
            redacted_tags=own,
            can_redact=True,
            hour=self._hour,
            catalog_version=self.catalog.version,
            candidate_names=tuple(card.name for card in cards),
            candidates=cards,
            **workflow_facts(workflow),
        )


def _askable(
    catalog: Catalog, collections: Sequence[Collection]
) -> Iterable[tuple[Action, Resource, str]]:
    """Every action beside asking, with what it is done to and how that is called."""
    for action in _WORKSPACE_ACTIONS:
        yield action, Resource(), "workspace"
    for name, workflow in sorted(catalog.workflows.items()):
        for action in _WORKFLOW_ACTIONS:
            yield action, Resource.of_workflow(workflow), f"workflow:{name}"
    for name, card in sorted(catalog.cards.items()):
        yield Action.ACTIVATE, Resource.of_model(card), f"model:{name}"
    for collection in collections:
        for action in _COLLECTION_ACTIONS:
            yield action, _resource_of(collection), f"collection:{collection.name}"


def _resource_of(collection: Collection) -> Resource:
    return Resource(
        kind=ResourceKind.COLLECTION,
        name=collection.name,
        owner=collection.owner,
        data_class=collection.data_class,
        tags=collection.tags,
    )


def _tags(words: tuple[str, ...]) -> frozenset[Tag]:
    try:
        return frozenset(Tag(word) for word in words)
    except ValueError as error:
        known = ", ".join(Tag)
        raise InvalidRequest(str(error), next_step=f"tags are {known}", param="tags") from None


def _who_document(who: Somebody) -> WhoDocument:
    principal = who.principal
    return WhoDocument(
        kind=who.kind,
        id=principal.id,
        name=principal.name,
        tenant=principal.tenant,
        roles=tuple(sorted(principal.roles)),
        groups=tuple(sorted(principal.groups)),
        workflows=tuple(sorted(principal.workflows)),
        notes=who.notes,
    )


def _cards_for(workflow: Workflow | None, catalog: Catalog) -> Iterable[ModelCard]:
    """The models that may answer: in the workflow's order, else all that answer at all."""
    if workflow is not None and workflow.model_order:
        named = (catalog.cards.get(name) for name in workflow.model_order)
        yield from (card for card in named if card is not None)
        return
    for _, card in sorted(catalog.cards.items()):
        if workflow is None or _may_answer(card, workflow):
            yield card


def _may_answer(card: ModelCard, workflow: Workflow) -> bool:
    knowledge = workflow.knowledge
    embeds = card.is_in_process and Capability.EMBEDDINGS in card.capabilities
    if knowledge is not None and (embeds or knowledge.mode is AnswerMode.QUOTE):
        return embeds  # it chooses the quotes
    is_others = card.specialist is not None and card.specialist.workflow != workflow.name
    return bool(card.capabilities & _ANSWERING) and not is_others


def _classes(workflow: Workflow | None) -> tuple[DataClass, ...]:
    """The classes that content of a workflow can have, least first."""
    least = workflow.data_class if workflow and workflow.data_class else DataClass.PUBLIC
    return tuple(each for each in DataClass if each >= least)


def _row(
    workflow: Workflow | None,
    card: ModelCard,
    verdicts: list[tuple[DataClass, dict[str, Verdict]]],
) -> RowDocument:
    classes = tuple(_reach(data_class, by_model[card.name]) for data_class, by_model in verdicts)
    return RowDocument(
        workflow=workflow.name if workflow else None,
        model=card.name,
        zone=card.zone,
        stage=card.stage,
        raw_up_to=_up_to(classes, [each.form == "raw" for each in classes]),
        usable_up_to=_up_to(classes, [each.form is not None for each in classes]),
        unattended_up_to=_up_to(classes, [each.unattended for each in classes]),
        classes=classes,
    )


def _reach(data_class: DataClass, verdict: Verdict) -> ReachDocument:
    return ReachDocument(
        data_class=data_class.word,
        form=verdict.form.value if verdict.permitted else None,
        unattended=verdict.permitted and verdict.unattended,
        rules=verdict.rule_ids,
        reasons=verdict.reasons or verdict.person_reasons,
    )


def _up_to(classes: tuple[ReachDocument, ...], may: list[bool]) -> str | None:
    """The last class before the first that may not; rules need not be ordered by class."""
    highest: str | None = None
    for reach, is_permitted in zip(classes, may, strict=True):
        if not is_permitted:
            break
        highest = reach.data_class
    return highest


OPERATIONS = (operation("access", AccessParams, show_access),)
