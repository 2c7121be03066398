"""`ClassedText`: a text with the class and tags that it has, before a model reads it."""

from __future__ import annotations

from dataclasses import dataclass

from befit.vocabulary import DataClass, Tag


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassedText:
    """One of many texts that a model is to read.

    Attributes:
        id: what accounts of it are kept by, such as a passage's id.
    """

    id: str
    text: str
    data_class: DataClass
    tags: frozenset[Tag] = frozenset()
