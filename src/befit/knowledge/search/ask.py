"""`Ask`: one search, as its reader may make it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from befit.identity import Principal
from befit.knowledge.index.passage import Vector
from befit.knowledge.judged import MayRead
from befit.knowledge.retrieval import Question


@dataclass(frozen=True, kw_only=True, slots=True)
class Filters:
    """What a reader narrows a search by; rights are none of it.

    Attributes:
        metadata: for each key the values that will do.
        since_s, until_s: the document's own date, inclusive, in Unix seconds.
    """

    metadata: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    since_s: int | None = None
    until_s: int | None = None


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Ask:
    """One search.

    Attributes:
        may_read: policy's word; what it does not permit is not found.
        names_documents: whether the rules in force speak of single documents
            (`RuleSet.names_documents`). Where they do not, policy is asked once for all
            documents of one collection, class and tags.
        vectors: a unit vector for each of `question.texts`.
        limit: how many passages at most.
    """

    reader: Principal
    may_read: MayRead
    question: Question
    vectors: Vector
    collections: tuple[str, ...]
    limit: int = 10
    filters: Filters = field(default_factory=Filters)
    names_documents: bool = True
