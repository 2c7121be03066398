"""What is done to make the product show what it must not, one function an act."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from befit.cli.leak_test.acts.asking import (
    after_allowed,
    ask,
    ask_a_person,
    chat,
    route,
    run,
    stream,
)
from befit.cli.leak_test.acts.probing import filter_by, list_collections, show, why
from befit.cli.leak_test.acts.reading import house, lists, others_decision
from befit.cli.leak_test.acts.revoking import Revoking
from befit.cli.leak_test.acts.searching import search, search_file, search_http
from befit.cli.leak_test.scene import Scene
from befit.cli.leak_test.surfaces import Seen

Act = Callable[[Scene], Awaitable[Sequence[Seen]]]

ACTS: tuple[tuple[Act, int], ...] = (
    (search, 3),
    (search_http, 3),
    (search_file, 1),
    (ask, 3),
    (chat, 4),
    (stream, 2),
    (run, 1),
    (route, 1),
    (ask_a_person, 1),
    (after_allowed, 2),
    (show, 1),
    (why, 1),
    (list_collections, 1),
    (filter_by, 1),
    (others_decision, 2),
    (lists, 1),
    (house, 1),
)
"""Every act, and how often it is played beside the others."""

__all__ = ["ACTS", "Act", "Revoking"]
