"""Stores that something happens to between two steps of a search."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from befit.knowledge import KnowledgeStores


class Interrupted:
    """The stores, but each time before `at` is called on one of them, `act` is.

    Attributes:
        stores: to be searched in place of the real ones.
    """

    def __init__(self, stores: KnowledgeStores, at: str, act: Callable[[], object]) -> None:
        self.stores = replace(
            stores,
            documents=_Watched(stores.documents, at, act),
            access=_Watched(stores.access, at, act),
        )


class _Watched:
    def __init__(self, store: object, at: str, act: Callable[[], object]) -> None:
        self._store = store
        self._at = at
        self._act = act

    def __getattr__(self, name: str) -> object:
        if name == self._at:
            self._act()
        return getattr(self._store, name)
