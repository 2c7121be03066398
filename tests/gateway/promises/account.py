"""The ledger as its files tell it: while the gateway runs, and once it has stopped."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from befit.audit import Event, EventType, LedgerReader, LogPosition, load_keyring

_LEAF = b'{"v":'


@dataclass(frozen=True)
class Written:
    """One leaf as anyone can read it."""

    type: str
    decision_id: str


def written_in(befit: Path) -> tuple[Written, ...]:
    """The leaves of all closed groups now: what follows the last closing line is not durable."""
    found: list[Written] = []
    for path in sorted((befit / "ledger").glob("*.log")):
        group: list[Written] = []
        for line in path.read_bytes().split(b"\n"):
            if line.startswith(_LEAF):
                leaf = json.loads(line)
                group.append(Written(type=leaf["type"], decision_id=leaf["decision"]))
            elif line:
                found += group
                group = []
    return tuple(found)


@dataclass(frozen=True)
class Account:
    """All decisions of a ledger, each as its events in order."""

    decisions: Mapping[str, tuple[Event, ...]]

    @classmethod
    def read(cls, befit: Path) -> Account:
        """Read the files of a workspace at rest."""
        reader = LedgerReader(befit, load_keyring(befit).sealer)
        decisions: dict[str, list[Event]] = defaultdict(list)
        for log in reader.logs():
            batch = reader.read(log, LogPosition(), until=None, most_events=1_000_000)
            for row in batch.rows:
                if row.event.type is not EventType.ADMINISTRATIVE:
                    decisions[row.event.decision_id].append(row.event)
        return cls({key: tuple(events) for key, events in decisions.items()})

    def calls(self, decision_id: str) -> tuple[Call, ...]:
        """The reserved calls of a decision, with how each was settled."""
        events = self.decisions[decision_id]
        settled = {
            told(event, "permit_id"): event for event in events if event.type is EventType.SETTLED
        }
        return tuple(
            _call(event, settled.get(told(event, "permit_id")))
            for event in events
            if event.type is EventType.RESERVED
        )

    def last_told(self, decision_id: str, name: str) -> Any:
        """A field as the decision's last event with it tells it."""
        for event in reversed(self.decisions[decision_id]):
            if event.fields is not None and name in event.fields:
                return told(event, name)
        return None


@dataclass(frozen=True)
class Call:
    """A reserved call; `cost_usd` is None where it is unknown or the call is not settled."""

    permit_id: str
    model: str
    data_class: str
    purpose: str
    most_usd: Decimal | None
    scopes: tuple[str, ...]
    calls: int
    is_settled: bool
    cost_usd: Decimal | None


def told(event: Event, name: str) -> Any:
    """One field of an event."""
    raw = (event.fields or {}).get(name)
    return None if raw is None else msgspec.json.decode(raw)


def types_of(events: Iterable[Event]) -> list[EventType]:
    """The types of events, in order."""
    return [event.type for event in events]


def _call(reserved: Event, settled: Event | None) -> Call:
    return Call(
        permit_id=told(reserved, "permit_id"),
        model=told(reserved, "model"),
        data_class=told(reserved, "data_class"),
        purpose=told(reserved, "purpose"),
        most_usd=_usd(reserved, "most_usd"),
        scopes=tuple(told(reserved, "scopes")),
        calls=told(reserved, "calls"),
        is_settled=settled is not None,
        cost_usd=None if settled is None else _usd(settled, "cost_usd"),
    )


def _usd(event: Event, name: str) -> Decimal | None:
    value = told(event, name)
    return None if value is None else Decimal(str(value))
