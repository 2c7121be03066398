"""What the index takes of a passage, what it gives back, and one batch of changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from befit.vocabulary import DataClass, Tag

Vector = NDArray[np.float32]
"""One unit vector, or a matrix of them with a row each."""

MOST_NAME_CHARS = 1_000
"""Of an id, a collection, a metadata key or value: each is one term of the index."""

ACL_LIMIT = 2**31
"""Above every `acl_id`."""

_UNIT = 1e-2  # how far from 1 the length of a vector may be: quantised models round


@dataclass(frozen=True, kw_only=True, slots=True)
class PassageRef:
    """A passage without its text: what a search finds, and what its rights hang on.

    Attributes:
        passage_id: unique within the tenant; putting it again replaces the passage.
        data_class, tags: of the passage, with those of its document.
        acl_id: which access list it is under; who is on that list is not the index's matter.
        metadata: what searches may filter by, such as `{"department": "legal"}`.
        dated_s: the document's own date in Unix seconds, where it has one.
    """

    passage_id: str
    doc_id: str
    version: str
    collection: str
    acl_id: int
    data_class: DataClass
    tags: frozenset[Tag] = frozenset()
    title: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])
    dated_s: int | None = None

    def __post_init__(self) -> None:
        for name in ("passage_id", "doc_id", "collection"):
            _check_name(name, getattr(self, name))
        for key, value in self.metadata.items():
            _check_name("metadata key", key)
            _check_name(f"metadata {key!r}", value or "-")
        if not 0 <= self.acl_id < ACL_LIMIT:
            raise ValueError(f"acl_id {self.acl_id} of {self.passage_id!r} is not in [0, 2^31)")


def _check_name(name: str, value: str) -> None:
    if not value or len(value) > MOST_NAME_CHARS or not _is_unicode(value):
        raise ValueError(
            f"{name} {value[:40]!r} is empty, longer than {MOST_NAME_CHARS} characters "
            "or not Unicode"
        )


def _is_unicode(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:  # a lone surrogate
        return False
    return True


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Passage:
    """A passage as it is put into the index. The text is read for its words, not kept."""

    ref: PassageRef
    text: str
    vector: Vector  # of `titled(ref.title, text)`

    def __post_init__(self) -> None:
        length = float(np.linalg.norm(self.vector)) if self.vector.ndim == 1 else 0.0
        if not abs(length - 1.0) <= _UNIT:  # NaN is not within either
            raise ValueError(
                f"the vector of passage {self.ref.passage_id!r} is not one of length 1"
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class Changes:
    """One batch, applied whole or not at all: deletions first, then what is put."""

    put: Sequence[Passage] = ()
    delete_passages: Sequence[str] = ()
    delete_documents: Sequence[str] = ()


def titled(title: str, text: str) -> str:
    """A passage as it is embedded and as its words are read: its title first, but only once."""
    opening = " ".join(text[: 2 * len(title)].split())
    begins_with_it = opening.casefold().startswith(" ".join(title.split()).casefold())
    return text if begins_with_it else f"{title}\n{text}"
