"""Who may see an answer that is kept: whoever may read all that it was made from, now."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from befit.errors import Forbidden
from befit.gateway.operations.knowledge.withholding import require_readable_grounds
from befit.identity import local_administrator
from befit.knowledge import DocumentState
from befit.testing import Reply
from befit.testing.shelving import shelve
from befit.vocabulary import DEFAULT_TENANT
from tests.embedder import CARD
from tests.gateway.conftest import House
from tests.gateway.test_documents import ASKED, DOCUMENTS, HOTEL, WORKFLOWS

WRITTEN = "A hotel room is paid for up to 120 EUR a night [1]."


class Kept:
    """A house with a written answer that cites one document of those that it was given."""

    def __init__(self, house: House, keys: dict[str, str]) -> None:
        self.house = house
        self.keys = keys

    async def asked(self, **more: Any) -> str:
        self.house.near.answer_with(Reply(text=WRITTEN))
        answer = await self.house.openai().chat.completions.create(
            **{"model": "workflow:write-it", "messages": [{"role": "user", "content": HOTEL}]}
            | more
        )
        return str(answer.befit["decision_id"])

    async def look(self, decision_id: str) -> None:
        platform = self.house.platform
        await require_readable_grounds(platform, local_administrator(), decision_id)

    async def remove(self, doc_id: str) -> None:
        documents = self.house.platform.stores.knowledge.documents
        await documents.mark(DEFAULT_TENANT, [self.keys[doc_id]], DocumentState.LEAVING)


@pytest_asyncio.fixture
async def kept(build: Any, embedder: Any) -> AsyncIterator[Kept]:
    async with build(embedder=embedder, more=CARD, workflows=WORKFLOWS) as house:
        yield Kept(house, await shelve(embedder.shelf(house.platform), "handbook", DOCUMENTS))


async def test_an_answer_is_withheld_once_any_passage_it_was_written_from_is_gone(
    kept: Kept,
) -> None:
    decision_id = await kept.asked()
    await kept.look(decision_id)
    await kept.remove("canteen.md")  # in the prompt, and cited nowhere
    with pytest.raises(Forbidden, match="behind the answer"):
        await kept.look(decision_id)


async def test_a_quote_is_withheld_for_what_it_quotes_alone(kept: Kept) -> None:
    decision_id = await kept.asked(model="auto", extra_body=ASKED)
    await kept.remove("canteen.md")
    await kept.look(decision_id)
    await kept.remove("travel.md")
    with pytest.raises(Forbidden):
        await kept.look(decision_id)


async def test_where_nobody_knows_any_more_what_is_behind_it_an_answer_is_withheld(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    decision_id = await kept.asked()
    feedback = kept.house.platform.stores.feedback

    async def gone(*_: object) -> None:
        return None

    monkeypatch.setattr(feedback, "asked", gone)
    with pytest.raises(Forbidden):
        await kept.look(decision_id)


async def test_an_answer_from_no_documents_is_nobodys_secret_for_that(kept: Kept) -> None:
    decision_id = await kept.asked(model="near")
    await kept.look(decision_id)
