"""`Carries`: a class with tags, and both as one small number."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from befit.vocabulary import DataClass, Tag

_TAG_BITS = 8
_TAGS = tuple(Tag)
_ALL_TAGS = np.uint16((1 << _TAG_BITS) - 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Carries:
    """The class and tags that a text has because of where its words come from."""

    data_class: DataClass
    tags: frozenset[Tag] = frozenset()

    @property
    def is_nothing(self) -> bool:
        """Whether any text carries as much."""
        return self.data_class is DataClass.PUBLIC and not self.tags

    @property
    def code(self) -> int:
        """Both as one number in memory; 0 where it is nothing."""
        bits = sum(1 << place for place, tag in enumerate(_TAGS) if tag in self.tags)
        return self.data_class << _TAG_BITS | bits

    @classmethod
    def of_code(cls, code: int) -> Carries:
        """Both from their number."""
        tags = frozenset(tag for place, tag in enumerate(_TAGS) if code >> place & 1)
        return cls(data_class=DataClass(code >> _TAG_BITS), tags=tags)


def classes_of(codes: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """The class of each."""
    return codes >> np.uint16(_TAG_BITS)


def at_least(codes: NDArray[np.uint16], carries: Carries) -> NDArray[np.bool_]:
    """Which are of this class or a higher one and have all these tags."""
    tags = np.uint16(carries.code) & _ALL_TAGS
    return (classes_of(codes) >= carries.data_class) & ((codes & tags) == tags)


def both(one: NDArray[np.uint16], other: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Of each pair the higher class and the tags of both."""
    classes = np.maximum(one & ~_ALL_TAGS, other & ~_ALL_TAGS)
    return classes | ((one | other) & _ALL_TAGS)


def joined_codes(codes: NDArray[np.uint16], starts: NDArray[np.intp]) -> NDArray[np.uint16]:
    """Of each group that begins at `starts`, the highest class and all tags."""
    classes = np.maximum.reduceat(classes_of(codes), starts)
    tags = np.bitwise_or.reduceat(codes & _ALL_TAGS, starts)
    return (classes << np.uint16(_TAG_BITS)) | tags
