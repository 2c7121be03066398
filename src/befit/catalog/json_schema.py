"""Whether a JSON Schema of a workflow can be relied on (Draft 2020-12), at load."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from befit.catalog.problem import dotted

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema_fault(schema: Mapping[str, Any]) -> str | None:
    """Why a schema is refused, or None.

    References lead into the schema itself: validation never opens a connection.
    """
    # Slow to load, and most workflows have no schema.
    import referencing
    import referencing.exceptions
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError
    from referencing.jsonschema import DRAFT202012

    if schema.get("$schema", _DIALECT).rstrip("#") != _DIALECT:
        return f"`$schema` must be {_DIALECT}, or left out"
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        place = dotted(error.absolute_path) or "its top"
        return f"not a JSON Schema: at {place}, {_shortened(error.message)}"
    resolver = referencing.Registry[Any]().resolver_with_root(
        referencing.Resource[Any](contents=schema, specification=DRAFT202012)
    )
    for reference in _references(schema):
        if not reference.startswith("#"):
            return "`$ref` must lead into the schema itself and begin with `#`"
        try:
            resolver.lookup(reference)
        except (referencing.exceptions.Unresolvable, ValueError):
            return f"`$ref` {reference!r} leads nowhere"
    return None


def _references(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, item in cast("Mapping[str, object]", value).items():
            if key in {"$ref", "$dynamicRef"} and isinstance(item, str):
                yield item
            else:
                yield from _references(item)
    elif isinstance(value, list):
        for item in cast("list[object]", value):
            yield from _references(item)


def _shortened(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:200]}..."
