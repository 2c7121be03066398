"""The keys of `knowledge/acl.yaml`."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from befit.catalog import ClassWord, Entry, Name
from befit.identity import plain_name
from befit.knowledge.access.pattern import pattern_fault
from befit.vocabulary import Tag


def _checked_pattern(text: str) -> str:
    fault = pattern_fault(text)
    if fault is not None:
        raise ValueError(fault)
    return text


def _checked_name(given: str) -> str:
    name = plain_name(given)
    if not name or not name.isprintable():
        raise ValueError("a name of a user or group, without signs that nobody sees")
    return name


Who = Annotated[str, AfterValidator(_checked_name), Field(max_length=1_000)]
"""A user's id or name, or a group's name. It need not be there yet."""


class RuleEntry(Entry):
    """One rule: the paths it speaks of, and who may read what lies there."""

    path: Annotated[str, AfterValidator(_checked_pattern)]
    collection: Name | None = None
    users: tuple[Who, ...] = ()
    groups: tuple[Who, ...] = ()
    deny_users: tuple[Who, ...] = ()
    deny_groups: tuple[Who, ...] = ()
    data_class: ClassWord | None = None
    tags: tuple[Tag, ...] = ()


class RulesFile(Entry):
    """The file as a whole."""

    rules: tuple[RuleEntry, ...] = ()
