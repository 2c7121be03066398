"""Taking documents in: one decision with a permit a batch, by who may, one at a time."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from befit.audit import DecisionRecord, verify
from befit.errors import Conflict, Forbidden, InvalidRequest, NotFound
from befit.gateway.operations.knowledge import collections, ingesting
from befit.identity import Principal, Role, local_administrator
from befit.inference.embedded import DIMENSIONS
from befit.orchestrator import BulkArrival, Kind
from befit.policy import ClassedText
from befit.vocabulary import DEFAULT_TENANT, DataClass
from tests.gateway.conftest import House
from tests.gateway.reading_room import reading_room
from tests.knowledge.parsing.pdf_files import pdf

RULES = """
rules:
  - {path: "hr/**", groups: [hr], data_class: confidential}
  - {path: "**", groups: [everyone]}
"""
FILES = {
    "travel.md": "# Travel\n\nTrains are first class for journeys of more than two hours.\n",
    "hr/bands.txt": "Band seven begins at ninety-one thousand a year.\n",
    "cards.txt": "The company card is 4111 1111 1111 1111; keep it to yourself.\n",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    folder = tmp_path_factory.mktemp("room") / "ws"
    (folder / "knowledge").mkdir(parents=True)
    (folder / "knowledge" / "acl.yaml").write_text(RULES)
    (folder / "workflows").mkdir()
    (folder / "workflows" / "ask-documents.yaml").write_text("knowledge: {}\n")
    async with reading_room(folder) as built:
        yield built


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / "docs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "docs"


async def ingest(house: House, source: Path, collection: str, **said: Any) -> dict[str, Any]:
    return await house.operate("ingest", {"source": str(source), "collection": collection, **said})


async def found_by(house: House, who: str, query: str, *collections: str) -> list[str]:
    reader = local_administrator(acting_as=who)
    params = {"query": query, "collections": list(collections)}
    document = await house.operate_as(reader, "knowledge.search", params)
    return [each["doc_id"] for each in document["results"]]


def builder(name: str = "bea") -> Principal:
    return Principal(id=f"person:{name}", name=name, roles=frozenset({Role.USER, Role.BUILDER}))


async def test_readers_find_what_the_rules_let_them_find(house: House, docs: Path) -> None:
    report = await ingest(house, docs, "handbook")
    assert (report["added"], report["complete"], report["version"]) == (3, True, 1)
    assert report["classes"] == {"internal": 1, "confidential": 1, "restricted": 1}
    query = "When may I travel first class?"
    assert (await found_by(house, "mara", query, "handbook"))[0] == "travel.md"
    assert "hr/bands.txt" not in await found_by(house, "mara", "band seven", "handbook")
    assert "hr/bands.txt" in await found_by(house, "tom:hr", "band seven", "handbook")
    again = await ingest(house, docs, "handbook")
    assert (again["added"], again["unchanged"], again["version"]) == (0, 3, 1)
    assert (await house.operate("knowledge.verify", {}))["ok"]


async def test_a_run_is_one_decision_with_a_settled_permit_for_each_batch(
    house: House, tmp_path: Path
) -> None:
    rows = [{"doc_id": f"d{at}", "text": f"Note {at} on pumps."} for at in range(300)]
    rows[290]["text"] += " Card 4111 1111 1111 1111."
    path = tmp_path / "notes.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in rows))
    report = await ingest(house, path, "notes", data_class="public")
    assert (report["passages"], report["classes"]) == (300, {"public": 299, "restricted": 1})
    record: DecisionRecord = await house.record(report["decision_id"])
    assert (record.status, record.kind, record.model) == ("answered", "bulk:ingest", "minilm-l6")
    assert record.data_class == "restricted"
    events = await house.platform.projector.events_of(DEFAULT_TENANT, report["decision_id"])
    reserved = [each.fields or {} for each in events if each.type == "reserved"]
    settled = [each.fields or {} for each in events if each.type == "settled"]
    assert len(reserved) == len(settled) > 1
    classes = [msgspec.json.decode(each["data_class"]) for each in reserved]
    assert set(classes) == {"public", "restricted"}
    assert classes.count("restricted") == 1
    named: list[str] = []
    for each in settled:
        told = msgspec.json.decode(each["rows"], type=dict[str, Any])
        table = await house.platform.tables.rows(DEFAULT_TENANT, told["table"])
        lines = [json.loads(line) for line in table.splitlines()]
        assert told["n"] == len(lines)
        named += [line["id"] for line in lines]
        assert "pumps" not in table.decode()
    assert len(set(named)) == 300
    documents = house.platform.stores.knowledge.documents
    document = await documents.find(DEFAULT_TENANT, "notes", "d290")
    assert document is not None
    assert document.decision_id == report["decision_id"]
    assert f"{document.key}.0" in named


async def test_what_is_skipped_is_told_and_fails_nothing(house: House, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(
        '{"doc_id": "a", "text": "Valves are oiled."}\n'
        "not json\n"
        '{"doc_id": "b", "text": "x", "acl": {"user": ["tom"]}}\n'
    )
    report = await ingest(house, path, "rows")
    assert (report["added"], report["skipped_count"], report["complete"]) == (1, 2, True)
    assert all(each["what"] and each["reason"] for each in report["skipped"])


async def test_a_source_that_is_not_there_makes_no_collection(house: House, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="No such file"):
        await ingest(house, tmp_path / "nowhere", "nowhere")
    with pytest.raises(InvalidRequest, match="collection name"):
        await ingest(house, tmp_path, "two words")
    listed = await house.operate("knowledge.list", {})
    assert not {"nowhere", "two words"} & {each["name"] for each in listed["collections"]}


async def test_administrators_ingest_and_builders_into_collections_of_their_own(
    house: House, docs: Path
) -> None:
    async def by(who: Principal, collection: str, **said: Any) -> dict[str, Any]:
        params = {"source": str(docs), "collection": collection, **said}
        return await house.operate_as(who, "ingest", params)

    assert (await by(builder(), "own"))["added"] == 3
    with pytest.raises(Forbidden, match="may not ingest into collection own"):
        await by(builder("ben"), "own")
    with pytest.raises(Forbidden):
        await by(builder(), "others", owner="ben")
    with pytest.raises(Forbidden):
        await by(local_administrator(acting_as="mara"), "readers")
    listed = await house.operate_as(builder("ben"), "knowledge.list", {})
    figures = {each["name"]: each["figures"] for each in listed["collections"]}
    assert figures["own"] is None
    listed = await house.operate_as(builder(), "knowledge.list", {})
    figures = {each["name"]: each["figures"] for each in listed["collections"]}
    assert (figures["own"]["owner"], figures["own"]["documents"]) == ("bea", 3)


async def test_what_was_said_of_a_collection_when_it_was_made_stays(
    house: House, docs: Path
) -> None:
    await ingest(house, docs, "fixed", data_class="confidential", tags=["pii"], owner="group:hr")
    await ingest(house, docs, "fixed", data_class="confidential")
    for said in ({"data_class": "public"}, {"tags": ["phi"]}, {"owner": "tom"}):
        with pytest.raises(Conflict, match="collection 'fixed' has"):
            await ingest(house, docs, "fixed", **said)
    shown = await house.operate("knowledge.show", {"doc_id": "travel.md", "collection": "fixed"})
    assert (shown["data_class"], shown["tags"]) == ("confidential", ["pii"])


async def test_two_at_once_in_a_tenant_are_one_too_many(house: House, docs: Path) -> None:
    writer = await asyncio.to_thread(
        house.platform.library.writer, DEFAULT_TENANT, dimensions=DIMENSIONS
    )
    try:
        with pytest.raises(Conflict, match="under way"):
            await ingest(house, docs, "second")
        with pytest.raises(Conflict, match="under way"):
            await house.operate("knowledge.rebuild", {})
    finally:
        writer.close()
    assert (await ingest(house, docs, "second"))["added"] == 3


async def test_another_embedder_has_all_embedded_anew_beside_the_searches(
    house: House, docs: Path
) -> None:
    await ingest(house, docs, "vectors")
    collections = house.platform.stores.knowledge.collections
    made = await collections.find(DEFAULT_TENANT, "vectors")
    assert made is not None
    assert made.embedder.startswith("minilm-l6@")
    await collections.put(replace(made, embedder="another@1"))
    run = asyncio.create_task(ingest(house, docs, "vectors"))
    while not run.done():
        assert "travel.md" in await found_by(house, "mara", "first class", "vectors")
    report = await run
    counts = await house.platform.stores.knowledge.documents.counts(DEFAULT_TENANT)
    assert report["reembedded"] == sum(passages for _, passages in counts.values())
    assert await collections.find(DEFAULT_TENANT, "vectors") == made
    assert (await house.operate("knowledge.verify", {}))["ok"]


async def test_a_damaged_index_is_told_and_built_anew_by_the_next_ingest(
    house: House, docs: Path
) -> None:
    await ingest(house, docs, "damaged")
    index = house.platform.workspace.knowledge_dir / DEFAULT_TENANT
    live = index / (index / "live").read_text()
    vectors = live / "vectors"
    content = bytearray(vectors.read_bytes())
    content[:4] = os.urandom(4)
    vectors.write_bytes(content)
    told = await house.operate("knowledge.verify", {})
    assert (told["ok"], len(told["problems"])) == (False, 1)
    report = await ingest(house, docs, "damaged")
    assert report["reembedded"] > 0
    assert (await house.operate("knowledge.verify", {}))["ok"]
    assert "travel.md" in await found_by(house, "mara", "first class", "damaged")


async def test_a_removed_document_or_collection_is_gone_for_everybody(
    house: House, docs: Path
) -> None:
    await ingest(house, docs, "leaving")
    with pytest.raises(InvalidRequest, match=r"collections .* each have"):
        await house.operate("knowledge.remove", {"doc_id": "travel.md"})
    params = {"doc_id": "travel.md", "collection": "leaving"}
    with pytest.raises(Forbidden):
        await house.operate_as(builder(), "knowledge.remove", params)
    whole = {"collection": "leaving", "dry_run": True}
    assert await house.operate("knowledge.remove", whole) == {
        "collection": "leaving",
        "documents": 3,
    }
    would = await house.operate("knowledge.remove", {**params, "dry_run": True})
    assert would["documents"] == 1
    with pytest.raises(Forbidden):
        await house.operate_as(builder(), "knowledge.remove", {**params, "dry_run": True})
    assert "travel.md" in await found_by(house, "mara", "first class", "leaving")
    assert (await house.operate("knowledge.remove", params))["documents"] == 1
    assert "travel.md" not in await found_by(house, "mara", "first class", "leaving")
    with pytest.raises(NotFound):
        await house.operate("knowledge.show", params)
    removed = await house.operate("knowledge.remove", {"collection": "leaving"})
    assert removed["documents"] == 2
    with pytest.raises(NotFound, match="no collection"):
        await found_by(house, "mara", "first class", "leaving")
    assert (await house.operate("knowledge.verify", {}))["ok"]


async def test_whoever_comes_first_to_a_name_keeps_it(
    house: House, docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another's first ingest runs whole while this one is on its way to the writer."""
    writing = ingesting.writing

    @asynccontextmanager
    async def meanwhile(*given: Any) -> AsyncIterator[Any]:
        monkeypatch.setattr(ingesting, "writing", writing)
        await ingest(house, docs, "contested", data_class="confidential", owner="admin")
        async with writing(*given) as writer:
            yield writer

    monkeypatch.setattr(ingesting, "writing", meanwhile)
    params = {"source": str(docs), "collection": "contested", "data_class": "public"}
    with pytest.raises((Conflict, Forbidden)):
        await house.operate_as(builder(), "ingest", params)
    stores = house.platform.stores.knowledge
    kept = await stores.collections.find(DEFAULT_TENANT, "contested")
    assert kept is not None
    assert (kept.owner, kept.data_class) == ("admin", DataClass.CONFIDENTIAL)


async def test_what_an_ingest_puts_in_its_place_meanwhile_is_removed_as_well(
    house: House, docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ingest(house, docs, "replaced")
    writing = collections.writing

    @asynccontextmanager
    async def after_another(*given: Any) -> AsyncIterator[Any]:
        monkeypatch.setattr(collections, "writing", writing)
        (docs / "travel.md").write_text("# Travel\n\nTrains are second class now.\n")
        await ingest(house, docs, "replaced")
        async with writing(*given) as writer:
            yield writer

    monkeypatch.setattr(collections, "writing", after_another)
    params = {"doc_id": "travel.md", "collection": "replaced"}
    assert (await house.operate("knowledge.remove", params))["documents"] == 1
    stores = house.platform.stores.knowledge
    assert await stores.documents.find(DEFAULT_TENANT, "replaced", "travel.md") is None


async def test_a_document_shows_where_it_came_from_and_who_may_read_it(
    house: House, docs: Path
) -> None:
    report = await ingest(house, docs, "shown")
    params = {"doc_id": "hr/bands.txt", "collection": "shown"}
    shown = await house.operate("knowledge.show", params)
    assert shown["source"] == f"file:{docs}"
    assert shown["readers"]["origin"] == "rule:hr/**"
    assert shown["readers"]["groups"] == ["hr"]
    assert (shown["data_class"], shown["state"]) == ("confidential", "live")
    assert shown["decision_id"] == report["decision_id"]
    with pytest.raises(Forbidden):
        await house.operate_as(local_administrator(acting_as="tom:hr"), "knowledge.show", params)


async def test_a_rule_that_keeps_a_class_from_the_embedder_keeps_those_documents_out(
    house: House, docs: Path
) -> None:
    policies = house.platform.workspace.policies_dir
    policies.mkdir(exist_ok=True)
    rule = policies / "own.cedar"
    rule.write_text(
        '@id("own/no-cards") @reason("no cards in models")\n'
        'forbid (principal, action == Action::"send_raw", resource)\n'
        'when { context.tags.contains("pci") };\n'
    )
    try:
        assert (await house.platform.shelf.reload()).changed
        report = await ingest(house, docs, "uncarded")
    finally:
        rule.unlink()
        await house.platform.shelf.reload()
    assert [each["what"] for each in report["skipped"]] == ["cards.txt"]
    assert report["added"] == 2


async def test_a_rule_that_names_no_collection_there_is_is_told_to_who_keeps_the_rules(
    house: House, docs: Path
) -> None:
    await ingest(house, docs, "wards")
    rules = house.platform.workspace.access_file
    more = "  - {path: beds/**, collection: wadrs, groups: [staff]}\n"
    rules.write_text(RULES.replace("rules:\n", f"rules:\n{more}"))
    try:
        assert (await house.platform.shelf.reload()).changed
        (told,) = (await ingest(house, docs, "wards"))["notices"]
        assert "'wadrs'" in told
        assert "did you mean 'wards'?" in told
        assert (await house.operate("knowledge.list", {}))["notices"] == [told]
        listed = await house.operate_as(builder(), "knowledge.list", {})
        assert listed["notices"] == []
        own = {"source": str(docs), "collection": "own-wards"}
        assert (await house.operate_as(builder(), "ingest", own))["notices"] == []
    finally:
        rules.write_text(RULES)
        await house.platform.shelf.reload()
    assert (await ingest(house, docs, "wards"))["notices"] == []
    for name in ("wards", "own-wards"):
        await house.operate("knowledge.remove", {"collection": name})


async def test_rules_that_change_between_two_batches_count_for_the_second(house: House) -> None:
    arrival = BulkArrival(
        principal=local_administrator(), kind=Kind.INGEST, workflow=None, content=b"{}"
    )
    policies = house.platform.workspace.policies_dir
    policies.mkdir(exist_ok=True)
    rule = policies / "own.cedar"
    batch = (ClassedText(id="1", text="Valves.", data_class=DataClass.INTERNAL),)
    try:
        with pytest.raises(Forbidden, match="not now"):
            async with await house.platform.orchestrator.bulk(arrival) as bulk:
                assert (await bulk.texts.embedded(batch)).shape == (1, DIMENSIONS)
                rule.write_text(
                    '@id("own/not-now") @reason("not now")\n'
                    'forbid (principal, action == Action::"invoke", resource);\n'
                )
                assert (await house.platform.shelf.reload()).changed
                await bulk.texts.embedded(batch)
    finally:
        rule.unlink()
        await house.platform.shelf.reload()
    record = await house.record(bulk.decision_id)
    assert [call.outcome for call in record.calls] == ["ok", "failed"]
    assert record.status == "refused"


async def test_a_run_whose_caller_leaves_is_cut_and_closed_and_the_next_one_goes_on(
    house: House, tmp_path: Path
) -> None:
    path = tmp_path / "long.jsonl"
    path.write_text(
        "".join(
            json.dumps({"doc_id": f"d{at}", "text": f"Pump {at} is oiled. " * 12}) + "\n"
            for at in range(150)
        )
    )
    before = {each["decision_id"] for each in await house.decisions()}
    run = asyncio.create_task(ingest(house, path, "long"))
    documents = house.platform.stores.knowledge.documents
    while (await documents.counts(DEFAULT_TENANT)).get("long", (0, 0))[0] == 0:
        assert not run.done()
        await asyncio.sleep(0.05)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    await house.platform.orchestrator.drain()
    (new,) = [each for each in await house.decisions() if each["decision_id"] not in before]
    assert new["status"] == "cut"
    report = await ingest(house, path, "long")
    assert report["unchanged"] > 0
    assert report["unchanged"] + report["added"] == 150
    assert (await house.operate("knowledge.verify", {}))["ok"]


async def test_the_ledger_holds_all_of_it(house: House) -> None:
    await house.platform.projector.caught_up()
    report = verify(house.platform.workspace.befit_dir)
    assert report.ok, report.problems


async def test_a_citation_of_a_pdf_tells_where_on_its_pages_it_stands(
    house: House, tmp_path: Path
) -> None:
    docs = tmp_path / "pdf"
    docs.mkdir()
    first = [(72.0, 700.0, 11.0, "The canteen is open from eleven to two.")]
    second = [
        (72.0, 700.0, 11.0, "A hotel room is paid for up to"),
        (72.0, 686.0, 11.0, "one hundred crowns a night."),
        (72.0, 500.0, 11.0, "Breakfast is not paid for apart."),
    ]
    (docs / "travel.pdf").write_bytes(pdf([first, second]))
    await ingest(house, docs, "printed")
    asked = {"text": "How much is paid for a hotel room?", "collection": "printed"}
    answer = await house.operate("ask", asked)
    (cited,) = [each for each in answer["citations"] if "crowns" in each["text"]]
    assert cited["page"] == 2
    assert [box["page"] for box in cited["boxes"]] == [2, 2]
    upper, lower = cited["boxes"]
    assert 690 < upper["bottom"] < upper["top"] < 720
    assert lower["top"] <= upper["bottom"]
    assert upper["right"] > lower["right"]
