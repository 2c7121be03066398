"""`RuleSet`: all the rules of one version, read and checked together.

reading = read_policies({"policies/house.cedar": raw}, PolicyChoice())
reading.rules or reading.problems
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

import msgspec

from befit.catalog import Problem
from befit.policy.engine import CedarSchema
from befit.policy.packaged import DEFAULT_SETS, packaged_sources, schema_text
from befit.policy.rules import Rule, read_rules

_DOCUMENT = re.compile(r"\bDocument\s*(?://[^\n]*\s*)*::")


@dataclass(frozen=True, kw_only=True, slots=True)
class PolicyChoice:
    """What a company chooses beside writing rules.

    Attributes:
        packaged: the packaged sets in force beside the system's.
        personal_data_jurisdictions: where personal data may be processed; empty asks nothing.
    """

    packaged: tuple[str, ...] = DEFAULT_SETS
    personal_data_jurisdictions: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class RuleSet:
    """The rules of one version, in the order of their files.

    Attributes:
        content: all that decides, as JSON; `version` is its hash.
    """

    rules: tuple[Rule, ...]
    schema: CedarSchema
    choice: PolicyChoice
    content: str

    @cached_property
    def version(self) -> str:
        """`sha256:<hex>` of the content."""
        return f"sha256:{hashlib.sha256(self.content.encode()).hexdigest()}"

    @cached_property
    def by_id(self) -> Mapping[str, Rule]:
        """Each rule by its id."""
        return MappingProxyType({rule.id: rule for rule in self.rules})

    @cached_property
    def names_documents(self) -> bool:
        """Whether a rule speaks of single documents: each is then asked about by its name."""
        return any(_DOCUMENT.search(rule.text) for rule in self.rules)


@dataclass(frozen=True, kw_only=True, slots=True)
class PolicyReading:
    """What came of reading: rules where nothing is wrong, else what is."""

    rules: RuleSet | None
    problems: tuple[Problem, ...]


def read_policies(files: Mapping[str, bytes], choice: PolicyChoice) -> PolicyReading:
    """Read a company's files (name to content) beside the packaged sets it chose.

    Every name in `choice.packaged` has to be one of `PACKAGED_SETS`.
    """
    schema = CedarSchema(schema_text())
    packaged = packaged_sources(choice.packaged)
    rules, problems = read_rules({**packaged, **files}, schema)
    if problems:
        return PolicyReading(rules=None, problems=problems)
    content = _content({**packaged, **files}, schema, choice)
    found = RuleSet(rules=rules, schema=schema, choice=choice, content=content)
    return PolicyReading(rules=found, problems=())


def kept_rules(content: str) -> RuleSet | None:
    """The rules of a version that was kept; None where it was written for another schema."""
    told = msgspec.json.decode(content, type=_Content)
    schema = CedarSchema(schema_text())
    if told.schema != schema.text:
        return None
    rules, problems = read_rules(
        {name: text.encode() for name, text in told.sources.items()}, schema
    )
    if problems:
        return None
    choice = PolicyChoice(
        packaged=told.packaged,
        personal_data_jurisdictions=frozenset(told.personal_data_jurisdictions),
    )
    return RuleSet(rules=rules, schema=schema, choice=choice, content=content)


class _Content(msgspec.Struct, kw_only=True):
    """All that decides, as it is hashed and kept."""

    schema: str
    sources: dict[str, str]
    packaged: tuple[str, ...]
    personal_data_jurisdictions: tuple[str, ...]


def _content(sources: Mapping[str, bytes], schema: CedarSchema, choice: PolicyChoice) -> str:
    content = _Content(
        schema=schema.text,
        sources={name: raw.decode() for name, raw in sources.items()},
        packaged=tuple(sorted(set(choice.packaged))),
        personal_data_jurisdictions=tuple(sorted(choice.personal_data_jurisdictions)),
    )
    return msgspec.json.encode(content).decode()
