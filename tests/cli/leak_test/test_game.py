"""The leak test on the product as it is, and on products that were broken on purpose."""

from __future__ import annotations

import logging
import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from befit.cli.leak_test.acts import ACTS, Act, Revoking
from befit.cli.leak_test.acts.asking import ask, chat
from befit.cli.leak_test.acts.probing import show
from befit.cli.leak_test.acts.reading import house, others_decision
from befit.cli.leak_test.acts.searching import search, search_file, search_http
from befit.cli.leak_test.game import Game
from befit.cli.leak_test.report import leak_test_document
from befit.cli.leak_test.stage import opened_stage
from befit.cli.leak_test.surfaces import Surface
from befit.cli.leak_test.tally import Tally
from befit.errors import WeightsMissing
from befit.gateway.operations.answering import runs
from befit.gateway.operations.knowledge import collections
from befit.gateway.operations.ledger import decisions
from befit.identity import Principal
from befit.inference.embedded.weights import MINILM, located
from befit.knowledge import Rights
from befit.knowledge.answers import Quotation
from befit.knowledge.search import Citation, Library, searching
from befit.knowledge.search.second_check import SecondCheck
from befit.messages import Message
from befit.orchestrator import prompt, quoting
from befit.storage import SqlAccessStore

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

_EVERY_LIST = frozenset(range(100_000))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def game() -> AsyncIterator[Game]:
    try:
        located(MINILM)
    except WeightsMissing as missing:
        pytest.skip(str(missing))
    chance = random.Random(11)
    async with opened_stage(None, chance) as stage:
        yield await Game.set_up(stage, chance)


async def _played(game: Game, checks: int, *acts: Act) -> Tally:
    chosen = [(act, 1) for act in acts] or ACTS
    return await game.play(checks, lambda _: None, acts=chosen)


async def test_the_product_leaks_nothing_and_finds_what_may_be_read(game: Game) -> None:
    tally = await _played(game, 200)
    document = leak_test_document([tally], seed=11, seconds=1)
    assert document.findings == ()
    assert document.passed
    assert document.found["search_http"].share > 0.9


async def test_either_check_alone_lets_nothing_through(
    game: Game, monkeypatch: pytest.MonkeyPatch
) -> None:
    for without in (_without_second_check, _without_index_filter):
        with monkeypatch.context() as broken:
            without(broken)
            assert (await _searches_without_change(game)).findings == []


async def test_with_neither_check_every_door_is_seen_to_leak(
    game: Game, monkeypatch: pytest.MonkeyPatch
) -> None:
    _without_second_check(monkeypatch)
    _without_index_filter(monkeypatch)
    tally = await _played(game, 70, search, search_http, search_file, ask)
    leaking = {surface for surface, leaks in tally.leaks.items() if leaks}
    assert leaking >= {Surface.SEARCH, Surface.SEARCH_HTTP, Surface.QUERIES, Surface.PROMPT}
    document = leak_test_document([tally], seed=11, seconds=1)
    assert not document.passed


async def test_rights_remembered_past_a_revocation_are_seen(
    game: Game, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = dict[str, Rights]()
    rights = SqlAccessStore.rights

    def remembered(self: SqlAccessStore, reader: Principal) -> Rights:
        now = rights(self, reader)
        return replace(known.setdefault(f"{reader.tenant}/{reader.id}", now), epoch=now.epoch)

    monkeypatch.setattr(SqlAccessStore, "rights", remembered)
    tally = Tally(game.chronicle)
    revoking = Revoking(game.changes, tally.revocations)
    for _ in range(60):
        for seen in await revoking.search(game.lanes[0]):
            tally.judge(seen)
        if tally.revocations.late:
            break
    assert tally.leaks[Surface.SEARCH_HTTP] >= tally.revocations.late > 0


async def test_a_passage_too_many_in_a_prompt_is_seen_whatever_the_answer_says(
    game: Game, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = prompt.writing_messages

    def with_another(*args: Any) -> tuple[Message, ...]:
        system, asked = written(*args)
        other = random.choice(game.chronicle.now.canaries)
        return system, Message(role="user", content=f"{other.text} {asked.text}")

    monkeypatch.setattr(prompt, "writing_messages", with_another)
    tally = await _played(game, 80, ask, chat)
    assert tally.leaks[Surface.PROMPT]


async def test_a_citation_of_a_forbidden_passage_is_seen(
    game: Game, monkeypatch: pytest.MonkeyPatch
) -> None:
    quote = quoting.quote

    def with_another(*args: Any, **more: Any) -> Quotation:
        quotation: Quotation = quote(*args, **more)
        other = random.choice(game.chronicle.now.canaries)
        if not quotation.found:
            return quotation
        first = quotation.citations[0]
        cited: Citation = replace(first, collection=other.collection, doc_id=other.doc_id)
        return replace(quotation, citations=(cited, *quotation.citations[1:]))

    async def stands(*args: Any) -> bool:
        return True

    monkeypatch.setattr(quoting, "quote", with_another)
    monkeypatch.setattr(Library, "stands", stands)
    tally = await _played(game, 60, ask, chat)
    assert tally.leaks[Surface.CITATIONS]


async def test_decisions_shown_to_anybody_are_seen(
    game: Game, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decisions, "may_read", lambda *_: True)
    tally = await _played(game, 120, search_http, others_decision)
    assert tally.leaks[Surface.DECISIONS] == tally.leaks.total() > 0


async def test_an_answer_that_waited_is_not_for_who_lost_the_right_meanwhile(
    game: Game, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def anything(*_: Any) -> None:
        return

    assert (await _waited(game, 6)).findings == []
    monkeypatch.setattr(runs, "require_readable_grounds", anything)
    assert (await _waited(game, 40)).leaks[Surface.RUNS]


async def test_a_text_in_a_log_is_seen(game: Game) -> None:
    logging.getLogger("befit.knowledge").debug("found %s", game.chronicle.now.canaries[0].text)
    tally = await _played(game, 4, house)
    assert tally.leaks[Surface.LOGS] == tally.leaks.total() > 0


async def test_an_error_that_tells_of_a_document_by_another_word_is_seen(
    game: Game, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collections, "may", lambda *_: True)
    tally = await _played(game, 40, show)
    assert tally.leaks[Surface.DOCUMENTS]


async def _searches_without_change(game: Game) -> Tally:
    """The doors of searching, while nobody's rights change."""
    tally = Tally(game.chronicle)
    for act in (search, search_http, search_file):
        for seen in await act(game.lanes[1]):
            tally.judge(seen)
    return tally


async def _waited(game: Game, most: int) -> Tally:
    """Answers that wait for a person while their asker's right is taken away."""
    tally = Tally(game.chronicle)
    revoking = Revoking(game.changes, tally.revocations)
    for _ in range(most):
        for seen in await revoking.wait(game.lanes[0]):
            tally.judge(seen)
        if tally.findings:
            break
    return tally


def _without_second_check(monkeypatch: pytest.MonkeyPatch) -> None:
    def admit(self: SecondCheck, refs: Sequence[Any]) -> list[bool]:
        return [True] * len(refs)

    monkeypatch.setattr(SecondCheck, "admit", admit)
    monkeypatch.setattr(SecondCheck, "epoch_that_holds", lambda self: self.rights.epoch)


def _without_index_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    reach = searching.Reach

    def wide(**limits: Any) -> Any:
        return reach(**{**limits, "acl_ids": _EVERY_LIST})

    monkeypatch.setattr(searching, "Reach", wide)
