"""`Operation`: one thing that Befit can be asked to do, by HTTP or by a command.

    async def show_run(platform: Platform, principal: Principal, params: RunId) -> RunDocument: ...

    operation("runs.show", RunId, show_run)

Parameters and documents are msgspec structs; what travels is their JSON.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import msgspec
from msgspec.inspect import CollectionType, EnumType, LiteralType, Type, UnionType, type_info
from msgspec.structs import fields

from befit.audit import DecisionRecord
from befit.errors import InvalidRequest, nearest
from befit.identity import Principal
from befit.platform import Platform
from befit.vocabulary import Progress

P = TypeVar("P", bound=msgspec.Struct)

Document: TypeAlias = "OpDocument | DecisionRecord"
"""What an operation answers with; a decision's record is one as it stands."""

_encode = msgspec.json.Encoder(decimal_format="number").encode


class OpParams(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """Base of every operation's parameters: what is not known is refused."""


class NoParams(OpParams, frozen=True, kw_only=True):
    """For operations that need nothing said."""


class OpDocument(msgspec.Struct, kw_only=True, frozen=True):
    """Base of every operation's document: what `--json` prints and HTTP answers."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OperationCall:
    """One call of an operation: on what, for whom, and who is told how far it has come."""

    platform: Platform
    principal: Principal
    progress: Progress


@dataclass(frozen=True, slots=True)
class Operation:
    """A named operation; `perform` takes its parameters as plain values or JSON.

    Attributes:
        params: what it takes; of one whose module is not imported yet the bare base.
    """

    name: str
    params: type[msgspec.Struct]
    perform: Callable[[OperationCall, Mapping[str, object]], Awaitable[Document]]


def operation(
    name: str,
    params: type[P],
    function: Callable[[Platform, Principal, P], Awaitable[Document]],
) -> Operation:
    """An operation that is done at once."""

    async def perform(call: OperationCall, given: Mapping[str, object]) -> Document:
        return await function(call.platform, call.principal, read_params(given, params))

    return Operation(name, params, perform)


def long_operation(
    name: str,
    params: type[P],
    function: Callable[[Platform, Principal, P, Progress], Awaitable[Document]],
) -> Operation:
    """An operation that tells how far it has come."""

    async def perform(call: OperationCall, given: Mapping[str, object]) -> Document:
        read = read_params(given, params)
        return await function(call.platform, call.principal, read, call.progress)

    return Operation(name, params, perform)


def late_operation(name: str, module: str) -> Operation:
    """An operation whose module is imported by its first call, off the event loop."""

    async def perform(call: OperationCall, given: Mapping[str, object]) -> Document:
        late = await asyncio.to_thread(offered, name, module)
        return await late.perform(call, given)

    return Operation(name, OpParams, perform)


def offered(name: str, module: str) -> Operation:
    """The operation of that name among those that a module offers as `OPERATIONS`. Imports it."""
    offers: Iterable[Operation] = importlib.import_module(module).OPERATIONS
    return next(each for each in offers if each.name == name)


def read_params(given: Mapping[str, object], params: type[P]) -> P:
    """The parameters of an operation.

    Raises:
        InvalidRequest: naming the field, and the nearest known one.
    """
    try:
        return msgspec.convert(given, params, strict=False)
    except msgspec.ValidationError as error:
        raise wrong_field(str(error), params) from None


def wrong_field(detail: str, params: type[msgspec.Struct]) -> InvalidRequest:
    """What msgspec says of a wrong field, with the nearest known one, or the words it takes."""
    _, _, place = detail.partition(" - at `$")
    path = place.rstrip("`").lstrip(".")
    unknown = detail.partition("unknown field `")[2].partition("`")[0]
    hint = nearest(unknown, params.__struct_fields__) if unknown else None
    if detail.startswith("Invalid enum value") and (words := _words_of(params, path)):
        hint = f"it is one of {', '.join(words)}"
    return InvalidRequest(detail, param=unknown or path or None, next_step=hint)


def _words_of(params: type[msgspec.Struct], path: str) -> tuple[str, ...]:
    """The words that a field takes, where it takes one of a few."""
    name = path.partition("[")[0].partition(".")[0]
    types = (each.type for each in fields(params) if each.encode_name == name)
    return tuple(word for each in types for word in _words(type_info(each)))


def _words(kind: Type) -> tuple[str, ...]:
    if isinstance(kind, EnumType):
        return tuple(str(each.value) for each in kind.cls)
    if isinstance(kind, LiteralType):
        return tuple(map(str, kind.values))
    if isinstance(kind, UnionType):
        return tuple(word for each in kind.types for word in _words(each))
    return _words(kind.item_type) if isinstance(kind, CollectionType) else ()


def document_json(document: Document) -> bytes:
    """A document as JSON; money is a JSON number, exact to its last digit."""
    return _encode(document)
