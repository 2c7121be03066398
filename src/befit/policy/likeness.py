"""Which facts of a resource a policy looks at: resources alike in them get one answer.

Thirty models are rarely thirty questions. A rule about zones cannot tell two models of one
zone apart, so the rules of an action are read once for what they look at, and of models
that none of them tells apart only one is asked about. What is more than a look at an
attribute or a comparison with a name counts as looking at all of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar, cast

import msgspec

T = TypeVar("T")

_Node: TypeAlias = "dict[str, object]"

_RESOURCE: Mapping[str, object] = {"Var": "resource"}
_LOOKS = (".", "has")
_COMPARISONS = ("==", "!=", "in")


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """What is looked at of a resource.

    Attributes:
        attributes: by name.
        names: the ids that it is compared with.
        whole: whether it may be looked at in any other way.
    """

    attributes: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    whole: bool = False


_WHOLE = Look(whole=True)
_NOTHING = Look()


def looked_at(policy: bytes) -> Look:
    """What a policy, in Cedar's JSON, looks at of its resource."""
    document = msgspec.json.decode(policy, type=dict[str, object])
    return joined((_scope(cast("_Node", document["resource"])), _look(document["conditions"])))


def joined(looks: Iterable[Look]) -> Look:
    """What several policies look at together."""
    given = tuple(looks)
    return Look(
        attributes=frozenset(name for look in given for name in look.attributes),
        names=frozenset(name for look in given for name in look.names),
        whole=any(look.whole for look in given),
    )


def alike(
    items: Sequence[T], ids: Sequence[str], facts: Sequence[Mapping[str, object]], look: Look
) -> tuple[tuple[T, ...], ...]:
    """The items in groups that a look cannot tell apart; `ids` and `facts` are theirs."""
    if look.whole:
        return tuple((item,) for item in items)
    attributes = sorted(look.attributes)
    groups: dict[tuple[object, ...], list[T]] = {}
    for item, name, fact in zip(items, ids, facts, strict=True):
        named = name if name in look.names else None
        groups.setdefault((named, *map(fact.get, attributes)), []).append(item)
    return tuple(map(tuple, groups.values()))


def _scope(scope: _Node) -> Look:
    if scope["op"] in {"All", "is"} and "in" not in scope:
        return _NOTHING
    entity = scope.get("entity")
    if scope["op"] in {"==", "in"} and isinstance(entity, dict):
        return Look(names=frozenset({str(cast("_Node", entity)["id"])}))
    return _WHOLE


def _look(node: object) -> Look:
    if isinstance(node, list):
        return joined(map(_look, cast("list[object]", node)))
    if not isinstance(node, dict):
        return _NOTHING
    parts = cast("_Node", node)
    if parts == _RESOURCE:
        return _WHOLE
    if len(parts) == 1:
        ((operator, operands),) = parts.items()
        if isinstance(operands, dict) and operands.get("left") == _RESOURCE:  # pyright: ignore[reportUnknownMemberType]  # JSON is untyped
            return _look_by(operator, cast("_Node", operands))
    return joined(map(_look, parts.values()))


def _look_by(operator: str, operands: _Node) -> Look:
    """An operator whose left side is the resource itself."""
    attribute, right = operands.get("attr"), operands.get("right")
    if operator in _LOOKS and isinstance(attribute, str):
        return Look(attributes=frozenset({attribute}))
    names = _literals(right) if operator in _COMPARISONS else None
    return _WHOLE if names is None else Look(names=names)


def _literals(node: object) -> frozenset[str] | None:
    """The ids of an entity, or a set of them, written out; None where it is anything else."""
    if not isinstance(node, dict) or len(cast("_Node", node)) != 1:
        return None
    ((kind, value),) = cast("_Node", node).items()
    if kind == "Value" and isinstance(value, dict):
        entity = cast("_Node", value).get("__entity")
        return frozenset({str(cast("_Node", entity)["id"])}) if isinstance(entity, dict) else None
    if kind == "Set" and isinstance(value, list):
        found = [_literals(each) for each in cast("list[object]", value)]
        return None if None in found else frozenset(name for each in found for name in each or ())
    return None
