"""Cedar behind Befit's own words: the one file that knows the engine.

    schema = CedarSchema(text)
    engine = Engine({"house/no-cloud": parse_statement(text)}, schema, actions=Action)
    world = engine.world(entities)
    answers = engine.ask(world, Question(principal=.., action="invoke", context="{}"), uids)

Everything is parsed once and kept as the engine's own handles. Policies go in under our
rule ids, so that what comes back names rules and not places in a file. An answer is a
permission only where the engine says so without any error: it skips a rule whose condition
fails, and a skipped `forbid` would open what it closes.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import cedarpy
import msgspec

from befit.errors import InvalidRequest
from befit.policy.likeness import Look, joined, looked_at

Entity: TypeAlias = Mapping[str, object]
"""One entity in Cedar's JSON form: `uid`, `attrs`, `parents`."""

_log = logging.getLogger("befit.policy")

_RULE_OF_ERROR = re.compile(r"policy `([^`]+)`")


class Uid(msgspec.Struct, frozen=True, kw_only=True):
    """Names an entity by its parts, so that no name can be read as syntax."""

    type: str
    id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """What is asked of many resources at once. `context` is JSON text."""

    principal: Uid
    action: str
    context: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What the rules say of one resource.

    Attributes:
        rule_ids: the rules that decided: permits where permitted, else the forbids; none
            where no permit applied.
        failed: the rules that could not be evaluated, or `engine` where the question itself
            could not; then nothing is permitted.
    """

    permitted: bool
    rule_ids: tuple[str, ...]
    failed: tuple[str, ...] = ()


class CedarSchema:
    """A schema, parsed once; checks policies and entities."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.handle = cedarpy.Schema.from_str(text)

    def faults(self, policy: str) -> tuple[str, ...]:
        """What is wrong with a policy that parses; empty where it fits the schema."""
        found = cedarpy.validate_policies(policy, self.handle)  # pyright: ignore[reportUnknownMemberType]  # its dicts are bare
        if found.validation_passed:
            return ()
        return tuple(fault.error for fault in found.errors) or ("it does not fit the schema",)


class _ActionScope(msgspec.Struct):
    op: str
    entity: Uid | None = None
    entities: tuple[Uid, ...] = ()


class _Policy(msgspec.Struct):
    effect: str
    action: _ActionScope
    annotations: dict[str, str | None] = {}


class _PolicySet(msgspec.Struct, rename="camel"):
    static_policies: dict[str, msgspec.Raw] = {}
    templates: dict[str, msgspec.Raw] = {}
    template_links: tuple[msgspec.Raw, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Statement:
    """One parsed policy.

    Attributes:
        effect: `permit` or `forbid`.
        actions: the actions it is about; None is every action.
        body: Cedar's own JSON of the whole.
    """

    effect: str
    actions: frozenset[str] | None
    annotations: Mapping[str, str | None]
    body: bytes

    def concerns(self, action: str) -> bool:
        """Whether it can decide anything about the action."""
        return self.actions is None or action in self.actions


def parse_statement(text: str) -> Statement:
    """Read the one policy that a text is.

    Raises:
        InvalidRequest: it is not one; the message is the parser's.
    """
    try:
        found = msgspec.json.decode(cedarpy.policies_to_json_str(text), type=_PolicySet)
    except ValueError as error:
        raise InvalidRequest(str(error)) from None
    if found.templates:
        raise InvalidRequest("a template, whose slots nothing fills")
    if len(found.static_policies) != 1:
        raise InvalidRequest(f"{len(found.static_policies)} policies where one was expected")
    (body,) = found.static_policies.values()
    policy = msgspec.json.decode(body, type=_Policy)
    scope = policy.action
    named = (scope.entity,) if scope.entity is not None else scope.entities
    return Statement(
        effect=policy.effect,
        actions=None if scope.op == "All" else frozenset(uid.id for uid in named),
        annotations=policy.annotations,
        body=bytes(body),
    )


class World:
    """Entities that questions are about, parsed once."""

    def __init__(self, entities: cedarpy.Entities) -> None:
        self.handle = entities

    def joined_by(self, entities: Iterable[Entity]) -> World:
        """The same world and a few more entities.

        Raises:
            ValueError: one of them is here already and is not the same.
        """
        added = _json(tuple(entities))
        return World(self.handle.with_added_json_str(added))  # pyright: ignore[reportUnknownMemberType]  # its dicts are bare


class Engine:
    """Answers questions under one set of policies; immutable.

    Args:
        statements: the policies by rule id.
        actions: every action of the schema. Each has a handle of its own with the policies
            that concern it, so that a policy about other actions costs nothing.
    """

    def __init__(
        self, statements: Mapping[str, Statement], schema: CedarSchema, *, actions: Iterable[str]
    ) -> None:
        self._schema = schema
        self._place = {rule_id: place for place, rule_id in enumerate(statements)}
        concerned = {
            action: {
                rule_id: statement
                for rule_id, statement in statements.items()
                if statement.concerns(action)
            }
            for action in actions
        }
        self._sets = {action: _policy_set(found) for action, found in concerned.items()}
        self._looks = {
            action: joined(looked_at(statement.body) for statement in found.values())
            for action, found in concerned.items()
        }

    def looks_at(self, action: str) -> Look:
        """What the rules of an action look at of a resource."""
        return self._looks[action]

    def world(self, entities: Iterable[Entity]) -> World:
        """A world of these entities, each checked against the schema.

        Raises:
            ValueError: one does not fit.
        """
        read = cedarpy.Entities.from_json_str  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # its dicts are bare
        return World(read(_json(tuple(entities)), self._schema.handle))

    def ask(self, world: World, question: Question, resources: Sequence[Uid]) -> tuple[Answer, ...]:
        """One answer for each resource."""
        shared = {
            "principal": {"type": question.principal.type, "id": question.principal.id},
            "action": {"type": "Action", "id": question.action},
            "context": question.context,
        }
        requests = [{**shared, "resource": {"type": uid.type, "id": uid.id}} for uid in resources]
        asked = cedarpy.is_authorized_batch  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # its dicts are bare
        results = asked(requests, self._sets[question.action], world.handle)
        return tuple(map(self._answer, results))

    def _answer(self, result: cedarpy.AuthzResult) -> Answer:
        said = result.diagnostics
        errors = tuple(said.errors)
        is_decided = result.decision is not cedarpy.Decision.NoDecision
        if errors or not is_decided:
            _log.error("what cannot be evaluated denies: %s", "; ".join(errors) or "no decision")
            return Answer(permitted=False, rule_ids=(), failed=_failed(errors))
        in_order = tuple(sorted(said.reasons, key=self._place.__getitem__))
        return Answer(permitted=result.allowed, rule_ids=in_order)


def _failed(errors: tuple[str, ...]) -> tuple[str, ...]:
    named = [rule for error in errors for rule in _RULE_OF_ERROR.findall(error)]
    return tuple(dict.fromkeys(named)) or ("engine",)


def _policy_set(statements: Mapping[str, Statement]) -> cedarpy.PolicySet:
    bodies = {rule_id: msgspec.Raw(found.body) for rule_id, found in statements.items()}
    return cedarpy.PolicySet.from_json_str(_json(_PolicySet(static_policies=bodies)))


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
