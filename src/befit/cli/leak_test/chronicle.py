"""`Chronicle`: the worlds that were, in order, and what a reader could have been shown when."""

from __future__ import annotations

import re
from collections.abc import Iterable

from befit.cli.leak_test.canary import MARK_LETTERS, Canary
from befit.cli.leak_test.oracle import readable
from befit.cli.leak_test.world import Reader, World

_MARK = re.compile(f"(?=(zq[{MARK_LETTERS}]{{12}}))")  # overlapping ones too


class Chronicle:
    """Every world so far.

    While a change is being made both worlds count: what either lets a reader see is no leak.
    Once it has returned, only the new one does.

    Attributes:
        settled: the place of the world that is wholly in force.
    """

    def __init__(self, world: World) -> None:
        self.settled = 0
        self._worlds = [world]
        self._marks = _marks_of(world)
        self._secret_of: dict[str, str] = {}  # by the key that a document has in the product
        self._keys: re.Pattern[str] | None = None
        self._seeable: dict[tuple[int, Reader], frozenset[str]] = {}

    @property
    def now(self) -> World:
        """The newest world."""
        return self._worlds[-1]

    @property
    def latest(self) -> int:
        """Its place."""
        return len(self._worlds) - 1

    def begin(self, world: World) -> None:
        """A change is about to be made."""
        self._worlds.append(world)
        self._marks |= _marks_of(world)

    def settle(self) -> None:
        """The change has returned."""
        self.settled = self.latest

    def know_keys(self, keys: Iterable[tuple[str, Canary]]) -> None:
        """Under which keys the product keeps documents; a key is as telling as a mark."""
        self._secret_of |= {key.lower(): canary.secret for key, canary in keys}
        self._keys = re.compile("|".join(map(re.escape, self._secret_of)))

    def seeable(self, reader: Reader, since: int, until: int) -> frozenset[str]:
        """The marks that a reader may be shown by an act between two worlds."""
        return frozenset[str]().union(
            *(self._seeable_in(place, reader) for place in range(since, until + 1))
        )

    def seeable_throughout(self, reader: Reader, since: int, until: int) -> frozenset[str]:
        """The marks that a reader may be shown in every one of the worlds of an act."""
        first, *later = (self._seeable_in(place, reader) for place in range(since, until + 1))
        return first.intersection(*later)

    def forbidden_in(self, text: str, allowed: frozenset[str], sent: str) -> list[str]:
        """The marks and keys in a text that nobody allowed and the reader did not bring along."""
        told = {mark: mark for mark in _MARK.findall(text) if mark in self._marks}
        if self._keys is not None:
            told |= {key: self._secret_of[key] for key in self._keys.findall(text)}
        return [word for word, mark in told.items() if mark not in allowed and word not in sent]

    def is_secret(self, word: str) -> bool:
        """Whether it stands in a document's text alone."""
        return any(word == canary.secret for canary in self.now.canaries)

    def _seeable_in(self, place: int, reader: Reader) -> frozenset[str]:
        found = self._seeable.get((place, reader))
        if found is None:
            found = self._seeable[place, reader] = readable(self._worlds[place], reader)
        return found

    def owner_of(self, word: str) -> Canary | None:
        """The newest document that a mark or key tells of."""
        mark = self._secret_of.get(word, word)
        for canary in reversed(self.now.canaries):
            if mark in canary.marks:
                return canary
        return None


def _marks_of(world: World) -> frozenset[str]:
    return frozenset(mark for canary in world.canaries for mark in canary.marks)
