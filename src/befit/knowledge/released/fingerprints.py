"""`Fingerprinter`: runs of words as numbers that tell nothing without the tenant's secret.

Of a released text every sixth run of ten words is kept; of a request all runs are looked up.
So whatever shares fifteen words in a row with a released text shares a run that is kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from befit.knowledge.released.words import words_in

RUN = 10
"""Words of a run. Shorter ones are shared by texts that have nothing to do with each other."""

STRIDE = 6
SHORTEST = 4
"""Words of the shortest text that is told from others."""

_MOST_KNOWN_WORDS = 100_000

Prints = NDArray[np.uint64]


class Fingerprinter:
    """Makes the fingerprints of one tenant.

    Args:
        secret: without which neither can a text be told from its fingerprints, nor
            fingerprints made of a text.
    """

    def __init__(self, secret: bytes) -> None:
        self._words = _WordNumbers(secret)
        drawn = hashlib.blake2b(b"multiplier", key=secret, digest_size=8).digest()
        self._multiplier = int.from_bytes(drawn) | 1

    def words(self, texts: Sequence[str]) -> Prints:
        """A number for each word of the texts."""
        number = self._words.__getitem__
        return np.fromiter(map(number, words_in(texts)), np.uint64)

    def runs(self, words: Prints, length: int) -> Prints:
        """A fingerprint for each run of `length` words, in order; none where there are fewer."""
        if len(words) < length:
            return np.empty(0, np.uint64)
        # Runs of 1, 2, 4, .. words are put together as the bits of `length` say.
        made, done = np.zeros(len(words) + 1, np.uint64), 0
        doubled, size = words, 1
        while done < length:
            if length & size:
                made = self._appended(made, doubled, done, size)
                done += size
            if done < length:
                doubled = self._appended(doubled, doubled, size, size)
                size *= 2
        return made

    def _appended(self, first: Prints, second: Prints, at: int, size: int) -> Prints:
        """Runs made of a run of `first` and the run of `second` that begins `at` words later."""
        count = len(second) - at
        factor = np.uint64(pow(self._multiplier, size, 1 << 64))
        return first[:count] * factor + second[at : at + count]


def uncovered(held: NDArray[np.bool_]) -> list[int]:
    """Which runs of a text to keep beside those that are `held`, so that no `STRIDE` in a row
    lack one. The first is always among them or held.
    """
    needed = list[int]()
    last = -STRIDE
    for place in [*np.flatnonzero(held).tolist(), len(held)]:
        needed.extend(range(last + STRIDE, place, STRIDE))
        last = place
    return needed


class _WordNumbers(dict[bytes, int]):
    """Words and their numbers, computed when first asked for."""

    def __init__(self, secret: bytes) -> None:
        super().__init__()
        self._hashed = hashlib.blake2b(key=secret, digest_size=8)

    def __missing__(self, word: bytes) -> int:
        hashed = self._hashed.copy()
        hashed.update(word)
        number = int.from_bytes(hashed.digest())
        if len(self) >= _MOST_KNOWN_WORDS:
            self.clear()
        self[word] = number
        return number
