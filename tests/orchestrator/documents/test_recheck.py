"""The last look before a release: rights, rules and the very words, as they are now."""

from __future__ import annotations

from dataclasses import replace

from befit.knowledge import DocumentState
from befit.policy import ResourceKind
from befit.vocabulary import DataClass
from tests.orchestrator.documents.conftest import HANA, MARA

HOTEL = "How much is paid for a hotel room?"


def _always(resource) -> bool:
    return True


async def _citations(works):
    answer = await works.ask(HOTEL, collection="handbook")
    return [each.citation for each in answer.standing.grounds.cited]


async def test_what_was_just_cited_stands(works):
    assert await works.platform.library.stands(MARA, _always, await _citations(works))


async def test_a_word_that_is_not_there_does_not(works):
    citations = await _citations(works)
    for change in (
        {"text": citations[0].text + "!"},
        {"start": citations[0].start + 1},
        {"start": -5},
        {"end": citations[0].end + 10_000},
        {"version": "sha256:other"},
        {"passage_id": "nothing.0"},
        {"passage_id": "nothing"},
    ):
        changed = [replace(citations[0], **change), *citations[1:]]
        assert not await works.platform.library.stands(MARA, _always, changed), change


async def test_policy_is_asked_about_the_collection_and_each_document(works):
    citations = await _citations(works)
    library = works.platform.library
    for kind in (ResourceKind.COLLECTION, ResourceKind.DOCUMENT):
        assert not await library.stands(
            MARA, lambda resource, kind=kind: resource.kind is not kind, citations
        )


async def test_only_what_is_there_and_allowed_is_readable(works):
    firsts = {doc_id: f"{key}.0" for doc_id, key in works.keys.items()}
    ids = [*firsts.values(), "nothing.0", "nothing"]
    library = works.platform.library
    assert await library.readable(HANA, _always, ids) == set(firsts.values())
    assert await library.readable(MARA, _always, ids) == (
        set(firsts.values()) - {firsts["salaries.md"]}
    )
    await works.platform.stores.knowledge.documents.mark(
        "default", [works.keys["travel.md"]], DocumentState.LEAVING
    )
    assert firsts["travel.md"] not in await library.readable(HANA, _always, ids)
    assert await library.readable(HANA, lambda resource: False, ids) == frozenset()


async def test_a_passage_of_a_higher_class_than_its_document_is_judged_by_its_own(works):
    documents = works.platform.stores.knowledge.documents
    document = await documents.find("default", "handbook", "salaries.md")
    await documents.amend([replace(document, data_class=DataClass.PUBLIC)])
    passage = f"{document.key}.0"
    library = works.platform.library
    assert await library.readable(HANA, _always, [passage]) == {passage}
    assert not await library.readable(
        HANA, lambda resource: resource.data_class < DataClass.CONFIDENTIAL, [passage]
    )
