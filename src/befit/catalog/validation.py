"""From pydantic's errors to `Problem`s: file, path, line, and the nearest valid key."""

from __future__ import annotations

from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from befit.catalog.document import Document
from befit.catalog.problem import KeyPath, Problem
from befit.errors import nearest

_Model = TypeVar("_Model", bound=BaseModel)

_WRONG = "a wrong value"

_SHAPES = {
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "list_type": "a list",
    "tuple_type": "a list",
}


def validated(
    schema: type[_Model], value: object, document: Document, *, at: KeyPath = ()
) -> tuple[_Model | None, tuple[Problem, ...]]:
    """Check a part of a document against its schema.

    Args:
        schema: the entry that the part must be.
        value: the part, as read.
        document: the file it comes from.
        at: where in the file it stands.

    Returns:
        The entry, or None with every problem of it.
    """
    try:
        return schema.model_validate(value), ()
    except ValidationError as error:
        details = error.errors(include_url=False)
    return None, tuple(_problem(detail, schema, document, at) for detail in details)


def _problem(
    detail: ErrorDetails, schema: type[BaseModel], document: Document, at: KeyPath
) -> Problem:
    place = _within(detail["loc"])
    what, next_step = _explained(detail, schema, place)
    return document.problem(what, (*at, *place), next_step=next_step)


def _within(loc: tuple[int | str, ...]) -> KeyPath:
    # Pydantic marks a fault in a mapping's key itself with a step that is no key.
    return tuple(step for step in loc if step != "[key]")


def _explained(
    detail: ErrorDetails, schema: type[BaseModel], place: KeyPath
) -> tuple[str, str | None]:
    kind, context, given = detail["type"], detail.get("ctx", {}), detail.get("input")
    if kind == "extra_forbidden":
        known = _keys_at(schema, place[:-1])
        hint = nearest(str(place[-1]), known) or f"known keys: {', '.join(sorted(known))}"
        return f"unknown key {str(place[-1])!r}", hint
    if kind == "missing":
        return f"missing key {str(place[-1])!r}", None
    if kind == "value_error":
        return _WRONG, str(context.get("error"))
    if kind in {"enum", "literal_error"}:
        expected = str(context.get("expected", ""))
        known = [word.strip("' ") for word in expected.replace(" or ", ", ").split(",")]
        hint = nearest(given, known) if isinstance(given, str) and len(given) < 64 else None
        return _WRONG, f"it must be {expected}" + (f"; {hint}" if hint else "")
    if kind == "string_type":
        return _WRONG, "it must be text" + _quotes_hint(given)
    if kind in _SHAPES:
        return _WRONG, f"it must be {_SHAPES[kind]}"
    return _WRONG, detail["msg"].replace("Input should be", "it must be")


def _quotes_hint(given: object) -> str:
    return "; put it in quotes" if isinstance(given, int | float) else ""


def _keys_at(schema: type[BaseModel], place: KeyPath) -> list[str]:
    """The keys that the schema knows at a place."""
    known: Any = schema  # a class or a typing form
    for step in place:
        known = _below(known, step)
    model = model_in(known)
    fields = model.model_fields.items() if model else ()
    return [field.alias or name for name, field in fields]


def _below(annotation: Any, step: int | str) -> Any:
    """What the schema says about one step down; None where it says nothing."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        field = annotation.model_fields.get(str(step))
        return field.annotation if field else None
    parts = get_args(annotation)
    if get_origin(annotation) is dict:
        return parts[1]
    if get_origin(annotation) in {list, tuple}:
        return parts[0]
    return next((found for part in parts if (found := _below(part, step)) is not None), None)


def model_in(annotation: Any) -> type[BaseModel] | None:
    """The one entry schema inside an annotation such as `CheckEntry | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    parts = get_args(annotation)
    return next((found for part in parts if (found := model_in(part)) is not None), None)
