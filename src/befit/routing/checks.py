"""Checks of an answer before it may be released: label, schema, confidence, or a named one."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import msgspec

from befit.catalog import CheckKind, Workflow
from befit.messages import ChatCompletion

_log = logging.getLogger("befit.routing")


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckResult:
    """The outcome of one check. `score` is what it measured, where it measures."""

    name: str
    passed: bool
    score: float | None = None
    detail: str = ""


class NamedCheck(Protocol):
    """A check of the company's own, registered under the entry point group `befit.checks`."""

    def __call__(self, workflow: Workflow, answer: ChatCompletion) -> CheckResult:
        """Judge one answer."""
        ...


def check_answer(
    workflow: Workflow, answer: ChatCompletion, named: Mapping[str, NamedCheck]
) -> CheckResult | None:
    """Check one answer as the workflow asks; None where it asks for no check.

    An answer cut by a length limit fails every check: half a JSON or label proves nothing.
    """
    check = workflow.check
    if check.kind is CheckKind.NONE:
        return None
    if answer.finish_reason == "length":
        return CheckResult(
            name=check.kind, passed=False, detail="the answer was cut by its length limit"
        )
    match check.kind:
        case CheckKind.SCHEMA:
            return _fits_schema(workflow, answer)
        case CheckKind.LABEL:
            return _is_label(workflow, answer)
        case CheckKind.CONFIDENCE:
            return _is_confident(workflow, answer)
        case CheckKind.NAMED:
            return _named(workflow, answer, named)


def _fits_schema(workflow: Workflow, answer: ChatCompletion) -> CheckResult:
    try:
        value = msgspec.json.decode(answer.text)
    except msgspec.DecodeError as error:
        return CheckResult(name="schema", passed=False, detail=f"not JSON: {error}")
    from jsonschema import Draft202012Validator  # with the workflow's file, or not needed

    validator = Draft202012Validator(dict(workflow.output_schema or {}))
    errors = validator.iter_errors(value)  # pyright: ignore[reportUnknownMemberType]  # its stub
    error = next(errors, None)
    if error is None:
        return CheckResult(name="schema", passed=True)
    return CheckResult(
        name="schema", passed=False, detail=f"{error.json_path}: {error.message[:200]}"
    )


def _is_label(workflow: Workflow, answer: ChatCompletion) -> CheckResult:
    passed = answer.text.strip() in workflow.labels
    detail = "" if passed else "not one of the workflow's labels"
    return CheckResult(name="label", passed=passed, score=answer.confidence, detail=detail)


def _is_confident(workflow: Workflow, answer: ChatCompletion) -> CheckResult:
    label = _is_label(workflow, answer)
    if not label.passed:
        return label
    least = workflow.check.min_confidence or 0.0
    if answer.confidence is None:
        # A model that states no confidence cannot pass on it; a right label is all it can show.
        return CheckResult(
            name="confidence",
            passed=label.passed,
            detail="the model states no confidence; label checked",
        )
    passed = answer.confidence >= least
    return CheckResult(
        name="confidence",
        passed=passed,
        score=answer.confidence,
        detail=f"{answer.confidence:.3f} {'reaches' if passed else 'is below'} {least:.3f}",
    )


def _named(
    workflow: Workflow, answer: ChatCompletion, named: Mapping[str, NamedCheck]
) -> CheckResult:
    name = workflow.check.name or ""
    check = named.get(name)
    if check is None:
        return CheckResult(name=name, passed=False, detail=f"no check is registered as {name!r}")
    try:
        return check(workflow, answer)
    except Exception:  # noqa: BLE001 - a company's own code; what fails must not pass
        _log.exception("check %s of workflow %s failed", name, workflow.name)
        detail = f"the check {name!r} failed; the server's log says why"
        return CheckResult(name=name, passed=False, detail=detail)
