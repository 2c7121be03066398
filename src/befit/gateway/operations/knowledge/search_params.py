"""What a search is narrowed by, as it is asked for over HTTP and by commands."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeAlias

import msgspec

from befit.errors import InvalidRequest
from befit.gateway.operations.ledger.moment import moment
from befit.gateway.operations.operation import OpParams
from befit.knowledge.search import Filters
from befit.orchestrator import Scope

MOST_QUERY_CHARS = 20_000
"""Of one query; what lies past it would not be read, so it is refused rather than cut."""

_MOST_RESULTS = 100
_MOST_COLLECTIONS = 100
_MOST_FILTERS = 20
_MOST_VALUES = 100
_DAY_S = 86_400
_DATE = re.compile(r"\d{4}-\d\d-\d\d")

FilterValues: TypeAlias = str | tuple[str, ...]


class ScopeParams(OpParams, frozen=True, kw_only=True):
    """Where it is searched, and how much is given.

    Without `collections` all are searched. `filters` are metadata: for each key the value, or
    the values of which one will do. `since` and `until` are of the document's own date; a date
    without a time means the whole day.
    """

    collections: tuple[str, ...] = ()
    limit: int = 10
    filters: dict[str, FilterValues] = msgspec.field(default_factory=dict[str, FilterValues])
    since: str | None = None
    until: str | None = None


def scope_of(params: ScopeParams) -> Scope:
    """The scope that the parameters ask for.

    Raises:
        InvalidRequest: the limit or a time cannot be, or there is too much of something.
    """
    if not 1 <= params.limit <= _MOST_RESULTS:
        raise InvalidRequest(
            f"limit is {params.limit}; it goes from 1 to {_MOST_RESULTS}", param="limit"
        )
    if len(params.collections) > _MOST_COLLECTIONS:
        raise InvalidRequest(
            f"{len(params.collections)} collections are named; at most {_MOST_COLLECTIONS} can be",
            next_step="name none to search all",
            param="collections",
        )
    return Scope(
        collections=tuple(dict.fromkeys(params.collections)),
        limit=params.limit,
        filters=Filters(
            metadata=_metadata(params.filters),
            since_s=_second(params.since, "since", rest_of_day=0),
            until_s=_second(params.until, "until", rest_of_day=_DAY_S - 1),
        ),
    )


def _metadata(filters: Mapping[str, FilterValues]) -> dict[str, frozenset[str]]:
    if len(filters) > _MOST_FILTERS:
        raise InvalidRequest(
            f"{len(filters)} keys are filtered by; at most {_MOST_FILTERS} can be", param="filters"
        )
    found: dict[str, frozenset[str]] = {}
    for key, given in filters.items():
        values = frozenset((given,) if isinstance(given, str) else given)
        if not 1 <= len(values) <= _MOST_VALUES:
            raise InvalidRequest(
                f"filter {key[:80]!r} has {len(values)} values; it takes 1 to {_MOST_VALUES}",
                param="filters",
            )
        found[key] = values
    return found


def _second(text: str | None, param: str, *, rest_of_day: int) -> int | None:
    found = moment(text, param)
    if found is None:
        return None
    is_day = text is not None and _DATE.fullmatch(text) is not None
    return int(found) + (rest_of_day if is_day else 0)
