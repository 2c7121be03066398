"""Expected decisions: a company's own table of who may do what, kept beside its rules.

    expectations:
      - name: restricted notes stay inside
        who: {roles: [user], groups: [ward]}
        workflow: summarise
        model: big
        class: restricted
        expect: denied
        rule: sovereignty/restricted-inside

The same as JSON Lines, a row a line. `befit policy test` runs it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Self

import msgspec
from pydantic import Field, model_validator

from befit.catalog import ClassWord, Document, Entry, Name, Problem, read_document, validated
from befit.identity import EVERYONE, Role
from befit.policy.situation import Action, SpendBand
from befit.vocabulary import DEFAULT_TENANT, DataClass, Purpose, Tag

_LINES = ".jsonl"


class Outcome(StrEnum):
    """What may be expected of a decision."""

    PERMITTED = "permitted"
    REDACTED = "redacted"
    PERSON = "person"
    DENIED = "denied"


class Who(Entry):
    """Who asks. `workflows` are what the key is limited to."""

    name: str = "somebody"
    roles: list[Role] = Field(default_factory=lambda: [Role.USER])
    groups: list[str] = Field(default_factory=list[str])
    workflows: list[Name] = Field(default_factory=list[str])
    tenant: str = DEFAULT_TENANT

    @property
    def all_groups(self) -> frozenset[str]:
        """Their groups, that of everyone included."""
        return frozenset({EVERYONE, *self.groups})


class Expectation(Entry):
    """One row: a question, and what the rules are expected to say.

    `action` `invoke` asks about all that a request takes: to call the model, to send it the
    content, and to let the answer out. Without `model` it asks about every model that the
    workflow may use, and expects of the best of them.
    """

    name: str = ""
    who: Who = Who()
    action: Action = Action.INVOKE
    workflow: Name | None = None
    model: Name | None = None
    collection: str | None = None
    data_class: Annotated[ClassWord, Field(alias="class")] = DataClass.INTERNAL
    tags: list[Tag] = Field(default_factory=list[Tag])
    redacted_class: ClassWord | None = None
    redacted_tags: list[Tag] = Field(default_factory=list[Tag])
    purpose: Purpose = Purpose.ANSWER
    hour: Annotated[int, Field(ge=0, le=23)] = 12
    spend_band: SpendBand = SpendBand.NONE
    expect: Outcome
    rule: str | None = None

    @model_validator(mode="after")
    def _fits_action(self) -> Self:
        if self.action is not Action.INVOKE and self.expect in (Outcome.REDACTED, Outcome.PERSON):
            raise ValueError(
                f"only invoke can be {self.expect}; {self.action} is permitted or denied"
            )
        if self.action in (Action.SEND_RAW, Action.SEND_REDACTED, Action.INVOKE_UNATTENDED):
            raise ValueError("it is asked with action invoke, by what it expects")
        return self


class _File(Entry):
    expectations: list[Expectation]


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """An expectation and where it stands."""

    expectation: Expectation
    line: int | None

    @property
    def title(self) -> str:
        """What people call it."""
        return self.expectation.name or f"line {self.line}"


def read_expectations(file: str, raw: bytes) -> tuple[tuple[Row, ...], tuple[Problem, ...]]:
    """The rows of a file, and every problem of it."""
    rows: list[Row] = []
    problems: list[Problem] = []
    for found in _lines(file, raw) if file.endswith(_LINES) else _document(file, raw):
        if isinstance(found, Row):
            rows.append(found)
        else:
            problems.append(found)
    if not rows and not problems:
        problems.append(Problem(what="no expectation", file=file))
    return tuple(rows), tuple(problems)


def _document(file: str, raw: bytes) -> Iterator[Row | Problem]:
    document = read_document(raw, file=file)
    yield from document.problems
    if document.value is None:
        return
    entry, problems = validated(_File, document.value, document)
    yield from problems
    for place, expectation in enumerate(entry.expectations if entry else ()):
        yield Row(expectation=expectation, line=document.line(("expectations", place)))


def _lines(file: str, raw: bytes) -> Iterator[Row | Problem]:
    for number, line in enumerate(raw.splitlines(), 1):
        if not line.strip():
            continue
        try:
            value = msgspec.json.decode(line, type=dict[str, object])
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            yield Problem(what=f"no JSON object ({error})", file=file, line=number)
            continue
        document = Document(file=file, value=value, lines=dict.fromkeys(_places(value), number))
        entry, problems = validated(Expectation, value, document)
        yield from problems
        if entry is not None:
            yield Row(expectation=entry, line=number)


def _places(value: dict[str, object]) -> Iterator[tuple[str]]:
    return ((name,) for name in value)
