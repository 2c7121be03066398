"""`Sieve`: more fingerprints than can be held, of which none is missed (a Bloom filter)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from befit.knowledge.released.carries import classes_of, joined_codes
from befit.knowledge.released.fingerprints import Prints
from befit.vocabulary import DataClass

_BITS = 28  # of an address: 32 MiB
_LOOKS = 8
_ODD = np.array([2 * place + 1 for place in range(_LOOKS)], np.uint64) * np.uint64(
    0x9E3779B97F4A7C15
)


class Sieve:
    """The fingerprints of one class. With 4 million in it one in 28 million others passes,
    with 16 million one in 1,800, and with ever more ever more: it fails towards the class.
    """

    def __init__(self, data_class: DataClass) -> None:
        self._class = data_class
        self._code = 0
        self._bits = np.zeros(1 << (_BITS - 3), np.uint8)

    def add(self, prints: Prints, codes: NDArray[np.uint16]) -> None:
        """Take those of this class in, with their tags."""
        taken = classes_of(codes) == self._class
        if not taken.any():
            return
        before = np.array([self._code], np.uint16)
        every = np.concatenate([before, codes[taken]])
        self._code = int(joined_codes(every, np.zeros(1, np.intp))[0])
        for places in _places(prints[taken]):
            np.bitwise_or.at(self._bits, places >> 3, _bit(places))

    def codes_of(self, prints: Prints) -> NDArray[np.uint16]:
        """What each carries where it passes; 0 where it was never added."""
        passed = np.ones(len(prints), bool)
        for places in _places(prints):
            passed &= (self._bits[places >> 3] & _bit(places)) != 0
        return np.where(passed, np.uint16(self._code), np.uint16(0))


def _places(prints: Prints) -> list[NDArray[np.int64]]:
    return [
        (((prints ^ (prints >> np.uint64(31))) * odd) >> np.uint64(64 - _BITS)).astype(np.int64)
        for odd in _ODD
    ]


def _bit(places: NDArray[np.int64]) -> NDArray[np.uint8]:
    return np.left_shift(np.uint8(1), (places & 7).astype(np.uint8))
