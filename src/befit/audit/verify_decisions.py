"""Verifying decisions across logs: every chain unbroken, every grammar kept."""

from __future__ import annotations

import hashlib
import sqlite3
from types import TracebackType
from typing import Self

from befit.audit.chains import DecisionKey
from befit.audit.events import EventType
from befit.audit.findings import Problems, SeenEvent
from befit.audit.grammar import DecisionGrammar, Phase

_MOST_BUFFERED = 20_000


class DecisionCheck:
    """Follows the events of all decisions, in any order that respects their chains.

    An event that comes before the one it names is kept until that one has come.

    Attributes:
        opened: how many decisions were opened.
    """

    def __init__(self, problems: Problems) -> None:
        self.opened = 0
        self._problems = problems
        self._open: dict[DecisionKey, tuple[DecisionGrammar, str]] = {}
        self._closed = ClosedDecisions()
        self._early: dict[tuple[DecisionKey, str], SeenEvent] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closed.close()

    def follow(self, event: SeenEvent) -> None:
        """Take the next event of the ledger."""
        if event.type is EventType.ADMINISTRATIVE:
            if event.previous is not None or not event.decision_id.startswith("admin_"):
                self._add(event, "an administrative event inside a decision")
            return
        following: SeenEvent | None = event
        while following is not None:
            taken = self._take(following)
            key = (following.tenant, following.decision_id)
            following = self._early.pop((key, following.digest), None) if taken else None

    def end(self, *, is_live: bool) -> int:
        """Nothing follows: what was never joined is wrong.

        Returns:
            How many decisions have no end and wait for nobody. Beside a running server
            they are under way; at rest a crash left them, and the next start ends them.
        """
        for event in self._early.values():
            self._add(event, "it names a previous event that its decision does not have")
        grammars = (grammar for grammar, _ in self._open.values())
        return sum(grammar.end(is_live=is_live) is not None for grammar in grammars)

    def _take(self, event: SeenEvent) -> bool:
        key = (event.tenant, event.decision_id)
        grammar, head = self._state(key)
        if event.type is EventType.OPENED:
            self.opened += 1
            if event.previous is not None:
                self._add(event, "an opened event that names a previous one")
        elif event.previous is None:
            self._add(event, f"a {event.type} event that names no previous one")
        elif event.previous != head:
            if self._early.setdefault((key, event.previous), event) is not event:
                self._add(event, "a second event that names the same previous one")
            return False
        wrong = grammar.follow(event.type, event.permit_id)
        if wrong:
            self._add(event, wrong)
        if grammar.phase is Phase.CLOSED:
            self._open.pop(key, None)
            self._closed.put(key, event.digest)
        else:
            self._open[key] = (grammar, event.digest)
        return True

    def _state(self, key: DecisionKey) -> tuple[DecisionGrammar, str | None]:
        state = self._open.get(key)
        if state is not None:
            return state
        head = self._closed.get(key)
        return DecisionGrammar(Phase.CLOSED if head else Phase.UNOPENED), head

    def _add(self, event: SeenEvent, wrong: str) -> None:
        self._problems.add(f"{event.place} of decision {event.decision_id}: {wrong}")


class ClosedDecisions:
    """The latest digests of closed decisions, in a file that vanishes when closed.

    SQLite's unnamed database lives in the system's temporary folder, never in the
    workspace, and stays in memory while it is small.
    """

    def __init__(self) -> None:
        self._buffer: dict[bytes, str] = {}
        self._is_spilled = False
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute(
            "CREATE TABLE closed (decision BLOB PRIMARY KEY, digest TEXT) WITHOUT ROWID"
        )

    def put(self, key: DecisionKey, digest: str) -> None:
        """Remember a decision's latest digest."""
        self._buffer[_short(key)] = digest
        if len(self._buffer) < _MOST_BUFFERED:
            return
        self._database.execute("BEGIN")
        self._database.executemany(
            "INSERT OR REPLACE INTO closed VALUES (?, ?)", self._buffer.items()
        )
        self._database.execute("COMMIT")
        self._buffer.clear()
        self._is_spilled = True

    def get(self, key: DecisionKey) -> str | None:
        """A closed decision's latest digest, None where it was never closed."""
        short = _short(key)
        digest = self._buffer.get(short)
        if digest is None and self._is_spilled:
            query = "SELECT digest FROM closed WHERE decision = ?"
            row: tuple[str] | None = self._database.execute(query, (short,)).fetchone()
            digest = row[0] if row else None
        return digest

    def close(self) -> None:
        """Drop the file."""
        self._database.close()


def _short(key: DecisionKey) -> bytes:
    tenant, decision_id = key
    named = f"{len(tenant)}\n{tenant}\n{decision_id}".encode()
    return hashlib.blake2b(named, digest_size=16).digest()
