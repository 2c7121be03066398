"""`AccessRules`: who may read what, by path, as `knowledge/acl.yaml` says.

rules:
  - {path: "hr/salaries/**", groups: [payroll], data_class: restricted, tags: [pii]}
  - {path: "hr/**", groups: [hr], deny_groups: [contractors]}
  - {path: "**", collection: handbook, groups: [everyone]}

The first rule that matches decides, so one that an earlier rule is sure to hide is refused. What a
source itself says of its readers goes before.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import msgspec

from befit.catalog import Document, Problem, read_document, validated
from befit.knowledge.access.acl import Acl
from befit.knowledge.access.pattern import PathPattern, normalised
from befit.knowledge.access.rules_file import RulesFile
from befit.vocabulary import DataClass, Tag


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        collection: the only one that it speaks of; None speaks of all.
        data_class, tags: the least that its documents have; None says nothing of it.
    """

    path: str
    collection: str | None = None
    acl: Acl = field(default_factory=Acl)
    data_class: DataClass | None = None
    tags: frozenset[Tag] = frozenset()

    @property
    def origin(self) -> str:
        """What an access list says it comes from."""
        return f"rule:{self.path}"

    def key(self, collection: str) -> str:
        """The key of its access list in a collection: editing its readers keeps the list."""
        return f"rule:{collection}:{self.path}"


@dataclass(frozen=True, kw_only=True)
class AccessRules:
    """All rules, in the order in which they are tried."""

    rules: tuple[Rule, ...] = ()

    @cached_property
    def version(self) -> str:
        """`sha256:<hex>` of all that they say; empty where there are none."""
        if not self.rules:
            return ""
        return f"sha256:{hashlib.sha256(_content(self.rules)).hexdigest()}"

    def match(self, collection: str, path: str) -> Rule | None:
        """The rule that decides on a document at `path`."""
        plain = normalised(path)
        for rule, pattern in self._patterns:
            if rule.collection in (None, collection) and pattern.matches(plain):
                return rule
        return None

    @cached_property
    def _patterns(self) -> tuple[tuple[Rule, PathPattern], ...]:
        return tuple((rule, PathPattern(rule.path)) for rule in self.rules)


@dataclass(frozen=True, kw_only=True, slots=True)
class AccessReading:
    """What came of reading: rules where nothing is wrong, else what is."""

    rules: AccessRules | None
    problems: tuple[Problem, ...]


def read_access_rules(raw: bytes | None, *, file: str) -> AccessReading:
    """Read the file of rules; None, where there is no file, is no rules."""
    if raw is None:
        return AccessReading(rules=AccessRules(), problems=())
    document = read_document(raw, file=file)
    if document.value is None:
        return AccessReading(rules=None, problems=document.problems)
    entry, problems = validated(RulesFile, document.value, document)
    if entry is None:
        return AccessReading(rules=None, problems=problems)
    rules = tuple(_rules(entry))
    useless = tuple(_useless(document, rules, *pair) for pair in _hidden(rules))
    return AccessReading(rules=None if useless else AccessRules(rules=rules), problems=useless)


def _useless(document: Document, rules: tuple[Rule, ...], first: int, later: int) -> Problem:
    path, before = rules[later].path, rules[first].path
    place = ("rules", later)
    if normalised(path) == normalised(before):
        return document.problem(
            f"a second rule for {path!r}",
            place,
            next_step=f"the first one, at rules[{first}], always decides: leave one of them out",
        )
    return document.problem(
        f"the rule for {path!r} never decides",
        place,
        next_step=f"the rule for {before!r}, at rules[{first}] (line "
        f"{document.line(('rules', first))}), speaks of all its paths and comes first: put the "
        "narrower rule first",
    )


def _rules(file: RulesFile) -> Iterator[Rule]:
    for entry in file.rules:
        yield Rule(
            path=entry.path,
            collection=entry.collection,
            acl=Acl(
                users=frozenset(entry.users),
                groups=frozenset(entry.groups),
                deny_users=frozenset(entry.deny_users),
                deny_groups=frozenset(entry.deny_groups),
            ),
            data_class=entry.data_class,
            tags=frozenset(entry.tags),
        )


def _hidden(rules: tuple[Rule, ...]) -> Iterator[tuple[int, int]]:
    """Rules that are sure never to decide, each behind the first one that does in its place."""
    first: dict[tuple[str, str | None], int] = {}
    for at, rule in enumerate(rules):
        before = [
            first[key]
            for path in PathPattern(rule.path).wider()
            for key in ((path, None), (path, rule.collection))
            if key in first
        ]
        if before:
            yield min(before), at
        else:
            first[normalised(rule.path), rule.collection] = at


def _content(rules: tuple[Rule, ...]) -> bytes:
    return msgspec.json.encode(
        [
            (
                rule.path,
                rule.collection,
                sorted(rule.acl.users),
                sorted(rule.acl.groups),
                sorted(rule.acl.deny_users),
                sorted(rule.acl.deny_groups),
                None if rule.data_class is None else rule.data_class.word,
                sorted(rule.tags),
            )
            for rule in rules
        ]
    )
