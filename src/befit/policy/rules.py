"""`Rule`: one policy that people wrote or chose, and the reading of a file of them.

    @id("house/no-cloud-at-night")
    @reason("after hours nothing goes to {zone}")
    forbid (principal, action == Action::"invoke", resource)
    when { context.hour >= 20 && resource.zone == "external" };

Each needs an `@id`, unique in the workspace: decisions name it for as long as they are kept.
`@reason` is what users read; its words in braces are filled in from the question.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from befit.catalog import Problem
from befit.errors import InvalidRequest, nearest
from befit.policy.engine import CedarSchema, Statement, parse_statement
from befit.policy.reason import reason_faults
from befit.policy.statements import Cut, cut_statements

_ID = re.compile(r"[a-z0-9][a-z0-9._/-]{0,119}")
_ANNOTATIONS = ("id", "reason")
_NAMED = re.compile(r'"(\w+)"')
_QUOTED = re.compile(r"`([^`]*)`")
_POLICY = re.compile(r"^for policy `[^`]*`, ")
_FOLLOWS = "unable to find an applicable action"
"""What the engine adds where an action is not known, which it has said already."""

MAX_BYTES = 512 << 10
"""The most that a file of rules may hold."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        reason: what users read; words in braces are filled in. None where it has none.
        file: relative to the workspace, or `packaged NAME`.
        line: where it begins, from 1.
        text: as it was written.
    """

    id: str
    reason: str | None
    file: str
    line: int
    text: str
    statement: Statement

    @property
    def forbids(self) -> bool:
        """Whether it closes what others open."""
        return self.statement.effect == "forbid"


def read_rules(
    sources: Mapping[str, bytes], schema: CedarSchema
) -> tuple[tuple[Rule, ...], tuple[Problem, ...]]:
    """The rules of all files, and every problem of them; an `@id` stands once in all."""
    rules: dict[str, Rule] = {}
    problems: list[Problem] = []
    for file, raw in sources.items():
        for found in _read_file(file, raw, schema):
            if isinstance(found, Problem):
                problems.append(found)
                continue
            first = rules.setdefault(found.id, found)
            if first is not found:
                problems.append(
                    Problem(
                        what=f"a second rule {found.id!r}",
                        file=file,
                        line=found.line,
                        next_step=f"the first is in {first.file} (line {first.line}); "
                        "give one of them another @id",
                    )
                )
    return tuple(rules.values()), tuple(problems)


def _read_file(file: str, raw: bytes, schema: CedarSchema) -> Iterator[Rule | Problem]:
    if len(raw) > MAX_BYTES:
        step = f"a file of rules holds up to {MAX_BYTES >> 10} KiB"
        yield Problem(what="too much", file=file, next_step=step)
        return
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        yield Problem(what="text that is not UTF-8", file=file, line=line)
        return
    for cut in cut_statements(text.removeprefix("\ufeff")):
        yield from _read_statement(file, cut, schema)


def _read_statement(file: str, cut: Cut, schema: CedarSchema) -> Iterator[Rule | Problem]:
    try:
        statement = parse_statement(cut.text)
    except InvalidRequest as error:
        what = f"a rule that cannot be read ({error.message})"
        step = "close it with ;" if not cut.text.endswith(";") else None
        yield Problem(what=what, file=file, line=cut.line, next_step=step)
        return
    rule_id = statement.annotations.get("id") or ""
    reason = statement.annotations.get("reason")
    faults = [*_annotation_faults(statement), *_schema_faults(cut.text, schema)]
    if reason is not None:
        faults += reason_faults(reason)
    path = (rule_id,) if rule_id else ()
    for what, step in faults:
        yield Problem(what=what, file=file, path=path, line=cut.line, next_step=step)
    if not faults:
        yield Rule(
            id=rule_id, reason=reason, file=file, line=cut.line, text=cut.text, statement=statement
        )


_Fault = tuple[str, str | None]


def _annotation_faults(statement: Statement) -> Iterator[_Fault]:
    rule_id = statement.annotations.get("id")
    if not rule_id:
        yield "a rule without @id", 'name it: @id("house/what-it-says"); decisions will tell it'
    elif not _ID.fullmatch(rule_id):
        step = "it is small letters, digits and . _ / -, at most 120"
        yield f"a wrong @id {rule_id[:130]!r}", step
    for name in statement.annotations:
        if name not in _ANNOTATIONS:
            yield f"unknown annotation @{name}", nearest(name, _ANNOTATIONS)


def _schema_faults(text: str, schema: CedarSchema) -> Iterator[_Fault]:
    faults = schema.faults(text)
    for fault in [each for each in faults if _FOLLOWS not in each] or faults:
        what = _POLICY.sub("", fault)
        yield f"a rule that does not fit the schema ({what})", _nearest_word(what, schema)


def _nearest_word(fault: str, schema: CedarSchema) -> str | None:
    """The schema's word that is meant by the first quoted one it does not have."""
    known = {*re.findall(r"\w+", schema.text)}
    for quoted in _QUOTED.findall(fault):
        named = _NAMED.search(quoted)
        word = named[1] if named else quoted.rpartition("::")[2]
        if word not in known:
            return nearest(word, known)
    return None
