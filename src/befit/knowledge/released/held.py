"""`Held`: the fingerprints of one tenant in memory, compact and bounded."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from befit.knowledge.released.carries import Carries, at_least, both, joined_codes
from befit.knowledge.released.fingerprints import Prints
from befit.knowledge.released.sieve import Sieve
from befit.vocabulary import DataClass

Codes = NDArray[np.uint16]

_SHEET = 16_384
"""Fingerprints in the small sheet before it is merged into the large one."""

_MOST_BITS = 26


class _Sheet:
    """Distinct fingerprints, rising, with what each carries."""

    def __init__(self, prints: Prints, codes: Codes) -> None:
        self.prints = prints
        self._codes = codes
        # A bit for each range of numbers, so that most of a request's runs, which were never
        # released, are told apart by one look at a few megabytes.
        bits = min(_MOST_BITS, max(3, (16 * len(prints)).bit_length()))
        self._shift = np.uint64(64 - bits)
        ranges = np.zeros(1 << bits, np.bool_)
        ranges[prints >> self._shift] = True
        self._ranges = np.packbits(ranges, bitorder="little")

    def with_all(self, prints: Prints, codes: Codes) -> _Sheet:
        prints = np.concatenate([self.prints, prints])
        codes = np.concatenate([self._codes, codes])
        order = np.argsort(prints, kind="stable")
        prints, codes = prints[order], codes[order]
        first = np.flatnonzero(np.concatenate([[True], prints[1:] != prints[:-1]]))
        return _Sheet(prints[first], joined_codes(codes, first))

    def with_sheet(self, other: _Sheet) -> _Sheet:
        return self.with_all(other.prints, other._codes)

    def join_into(self, found: Codes, prints: Prints) -> None:
        """Join what each carries into `found`, which stays where they are not here."""
        ranges = prints >> self._shift
        bit = np.uint8(1) << (ranges & np.uint64(7)).astype(np.uint8)
        likely = np.flatnonzero(self._ranges[ranges >> np.uint64(3)] & bit)
        if len(likely):
            wanted = prints[likely]
            at = np.minimum(np.searchsorted(self.prints, wanted), len(self.prints) - 1)
            codes = np.where(self.prints[at] == wanted, self._codes[at], np.uint16(0))
            found[likely] = both(found[likely], codes)

    def sieve_into(self, sieve: Sieve) -> None:
        sieve.add(self.prints, self._codes)


class Held:
    """What one tenant has released. Reading takes no lock: sheets are replaced, not changed."""

    def __init__(self) -> None:
        self._large = _empty()
        self._small = _empty()
        self._sieves: tuple[Sieve, ...] = ()
        self.lengths: frozenset[int] = frozenset()

    def __len__(self) -> int:
        """How many fingerprints are held exactly."""
        return len(self._large.prints) + len(self._small.prints)

    def add(self, prints: Prints, carries: Carries, *, words: int) -> None:
        """Hold fingerprints of so many words each. Not from two threads at once."""
        codes = np.full(len(prints), carries.code, np.uint16)
        small = self._small.with_all(prints, codes)
        if len(small.prints) < _SHEET:
            self._small = small
        else:
            # A reader between the two finds them twice rather than not at all.
            self._large = self._large.with_sheet(small)
            self._small = _empty()
        self.lengths |= {words}

    def codes(self, prints: Prints) -> Codes:
        """What each carries; 0 for those that were not released."""
        found = np.zeros(len(prints), np.uint16)
        # The small sheet is read first: what moves meanwhile is then found in the large one.
        for sheet in (self._small, self._large):
            sheet.join_into(found, prints)
        for sieve in self._sieves:
            found = both(found, sieve.codes_of(prints))
        return found

    def carry(self, prints: Prints, carries: Carries) -> NDArray[np.bool_]:
        """Which are held with at least this class and these tags."""
        return at_least(self.codes(prints), carries)

    def fold(self) -> None:
        """Make room: hold above `internal` approximately, so that none is missed, and no other.

        Afterwards some texts may be taken for released ones that are not, never the reverse.
        """
        if not self._sieves:
            self._sieves = tuple(
                Sieve(each) for each in (DataClass.CONFIDENTIAL, DataClass.RESTRICTED)
            )
        for sieve in self._sieves:
            self._large.sieve_into(sieve)
            self._small.sieve_into(sieve)
        self._large, self._small = _empty(), _empty()


def _empty() -> _Sheet:
    return _Sheet(np.empty(0, np.uint64), np.empty(0, np.uint16))


def carried_by(codes: Sequence[Codes]) -> Carries | None:
    """What a text carries whose runs carry these; None where none was released."""
    every = np.concatenate([*codes, np.zeros(1, np.uint16)])
    carries = Carries.of_code(int(joined_codes(every, np.zeros(1, np.intp))[0]))
    return None if carries.is_nothing else carries
