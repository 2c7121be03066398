"""The input of a run, checked against its workflow's schema and written as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from jsonschema import Draft202012Validator

from befit.catalog import Workflow
from befit.errors import InvalidRequest


def input_text(given: str | dict[str, object], workflow: Workflow | None) -> str:
    """What the workflow's models get to read.

    Raises:
        InvalidRequest: it is empty, or does not fit the workflow's input schema.
    """
    if workflow is not None and workflow.input_schema is not None:
        fault = _fault(given, workflow.input_schema)
        if fault is not None:
            raise InvalidRequest(
                f"the input does not fit workflow {workflow.name!r}: {fault}", param="input"
            )
    text = given if isinstance(given, str) else msgspec.json.encode(given).decode()
    if not text:
        raise InvalidRequest("the input is empty", param="input")
    return text


def _fault(given: Any, schema: Mapping[str, Any]) -> str | None:  # JSON is open by nature
    validator = Draft202012Validator(dict(schema))
    error = next(iter(validator.iter_errors(given)), None)  # pyright: ignore[reportUnknownMemberType]  # partly typed
    if error is None:
        return None
    return f"{error.json_path}: {error.message[:200]}"
