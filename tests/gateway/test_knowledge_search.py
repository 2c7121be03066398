"""Searching over HTTP and by commands: one decision, and nothing that its reader may not read."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from befit.errors import Forbidden, InvalidRequest, NotFound
from befit.identity import local_administrator
from befit.knowledge.access import Acl
from befit.vocabulary import DataClass
from tests.gateway.conftest import House
from tests.gateway.reading_room import Page, reading_room, shelve

EVERYBODY = Acl(groups=frozenset({"everyone"}))
HR = Acl(groups=frozenset({"hr"}))
SHELVES = (
    Page(
        doc_id="leave.md",
        title="Leave",
        passages=(
            "Employees have thirty days of paid leave each year. ",
            "Leave that is not taken lapses at the end of March. ",
        ),
        acl=EVERYBODY,
        metadata={"department": "people"},
        dated_s=1_735_689_600,  # 2025-01-01
    ),
    Page(
        doc_id="salaries.md",
        title="Salary bands",
        passages=("Paid leave counts as working time; band seven begins at 91,000. ",),
        acl=HR,
        data_class=DataClass.CONFIDENTIAL,
        metadata={"department": "finance"},
        dated_s=1_704_067_200,  # 2024-01-01
    ),
    Page(
        doc_id="pump.md",
        title="Pump P-7",
        passages=("Replace the seal of pump P-7 after 4,000 hours of operation. ",),
        acl=EVERYBODY,
        collection="plant",
    ),
    Page(
        doc_id="kyuka.md",
        title="休暇",
        passages=("従業員は年間三十日の有給休暇を取得できます。",),
        acl=EVERYBODY,
    ),
    Page(
        doc_id="sealed.md",
        title="Sealed",
        passages=("Nobody's leave. ",),
        acl=Acl(),
        collection="vault",
    ),
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def room(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with reading_room(tmp_path_factory.mktemp("room") / "ws") as house:
        await shelve(house.platform, *SHELVES)
        yield house


pytestmark = pytest.mark.asyncio(loop_scope="module")


async def post(house: House, body: Any, who: str = "user") -> Any:
    async with house.http(who) as http:
        return await http.post("/v1/knowledge/search", json=body)


def documents(answer: Any) -> list[str]:
    return [result["doc_id"] for result in answer["results"]]


async def test_a_reader_finds_what_speaks_to_the_query_and_may_be_read(room: House) -> None:
    answer = await post(
        room,
        {"query": "How many days of leave does one have each year?", "collections": ["handbook"]},
    )
    assert answer.status_code == 200
    found = answer.json()
    assert documents(found)[0] == "leave.md"
    assert "salaries.md" not in documents(found)
    assert found["found"] is True
    first = found["results"][0]
    assert first["text"] == SHELVES[0].passages[0]
    assert (first["start"], first["end"], first["page"]) == (0, len(first["text"]), 1)
    assert (first["collection"], first["data_class"]) == ("handbook", "internal")
    assert {first["text"][start:end] for start, end in first["highlights"]} >= {"days", "leave"}


async def test_a_reader_of_the_group_finds_more(room: House) -> None:
    params = {"query": "paid leave", "collections": ["handbook"]}
    for acting_as, sees in (("mara:hr", True), ("mara", False), ("hr:people", False)):
        reader = local_administrator(acting_as=acting_as)
        found = await room.operate_as(reader, "knowledge.search", params)
        assert ("salaries.md" in documents(found)) is sees, acting_as
        assert found["data_class"] == ("confidential" if sees else "internal")


async def test_all_collections_are_searched_where_none_is_named(room: House) -> None:
    found = (await post(room, {"query": "When is the seal replaced?"})).json()
    assert documents(found)[0] == "pump.md"
    assert {each["collection"] for each in found["results"]} == {"plant", "handbook"}


async def test_a_collection_of_which_nothing_may_be_read_is_as_an_empty_one(room: House) -> None:
    found = (await post(room, {"query": "nobody's leave", "collections": ["vault"]})).json()
    assert (found["results"], found["found"], found["data_class"]) == ([], False, "internal")


async def test_an_unknown_collection_is_told_with_the_nearest(room: House) -> None:
    answer = await post(room, {"query": "leave", "collections": ["handbok"]})
    assert answer.status_code == 404
    assert "handbook" in answer.text
    record = await room.record(answer.headers["befit-decision"])
    assert record.status == "refused"


async def test_each_search_is_one_decision_that_names_passages_and_no_text(room: House) -> None:
    before = len(await room.decisions())
    answer = await post(room, {"query": "How much paid leave?", "collections": ["handbook"]})
    assert len(await room.decisions()) == before + 1
    decision_id = answer.headers["befit-decision"]
    assert answer.json()["decision_id"] == decision_id
    record = await room.record(decision_id)
    assert (record.kind, record.status, record.source) == ("search", "answered", "http")
    (call,) = record.calls
    assert (call.model, call.purpose, call.data_class) == ("minilm-l6", "match", "restricted")
    events = await room.platform.projector.events_of("default", decision_id)
    told = b"".join(event.fields_json() or b"" for event in events)
    assert b"leave.md" in told
    assert b"thirty days" not in told
    assert b"How much" not in told


async def test_other_models_are_never_called(room: House) -> None:
    await post(room, {"query": "How much paid leave?"})
    assert (room.near.connections, room.far.connections) == (0, 0)


async def test_filters_and_dates_narrow(room: House) -> None:
    reader = local_administrator(acting_as="mara:hr")

    async def found(**narrowed: Any) -> set[str]:
        params = {"query": "paid leave", "collections": ["handbook"], **narrowed}
        return set(documents(await room.operate_as(reader, "knowledge.search", params)))

    assert await found(filters={"department": "people"}) == {"leave.md"}
    assert await found(filters={"department": ["people", "finance"]}) == {"leave.md", "salaries.md"}
    assert await found(filters={"department": "people", "colour": "red"}) == set()
    assert await found(since="2025-01-01") == {"leave.md"}
    assert await found(until="2024-01-01") == {"salaries.md"}
    assert await found(since="2024-01-01", until="2024-12-31") == {"salaries.md"}


async def test_the_conversation_before_it_helps(room: House) -> None:
    history = [
        {"role": "user", "content": "How many hours until the seal of the pump is replaced?"},
        {"role": "assistant", "content": "After 4,000 hours."},
    ]
    answer = await post(room, {"query": "And what is it called?", "history": history})
    assert documents(answer.json())[0] == "pump.md"


async def test_other_scripts_are_found(room: House) -> None:
    assert documents((await post(room, {"query": "有給休暇"})).json())[0] == "kyuka.md"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"query": ""},
        {"query": " \n"},
        {"query": 7},
        {"query": "x" * 20_001},
        {"query": "a", "limit": 0},
        {"query": "a", "limit": 101},
        {"query": "a", "filters": {"k": []}},
        {"query": "a", "since": "yesterday"},
        {"query": "a", "history": [{"role": "user"}]},
        {"query": "a", "reader": "mara:hr"},
        {"query": "a", "as": "mara:hr"},
        {"query": "a", "acl_ids": [1]},
    ],
)
async def test_a_wrong_body_is_refused_and_nobody_names_another_reader(
    room: House, body: Any
) -> None:
    before = len(await room.decisions())
    answer = await post(room, body)
    assert answer.status_code == 400, answer.text
    assert len(await room.decisions()) == before


async def test_a_long_query_is_searched_whole(room: House) -> None:
    answer = await post(room, {"query": "pump seal " * 1_900, "limit": 1})
    assert documents(answer.json()) == ["pump.md"]


async def test_a_key_that_is_limited_to_workflows_searches_nothing(room: House) -> None:
    room.keys["scoped"] = await room.key("scoped", workflows=["triage"])
    answer = await post(room, {"query": "leave"}, who="scoped")
    assert answer.status_code == 403
    assert "limited to workflows triage" in answer.text
    assert (await room.record(answer.headers["befit-decision"])).status == "refused"


async def test_a_key_without_a_role_that_asks_searches_nothing(room: House) -> None:
    answer = await post(room, {"query": "paid leave"}, who="auditor")
    assert answer.status_code == 403
    assert (await room.record(answer.headers["befit-decision"])).status == "refused"


async def test_what_was_found_keeps_its_class_when_it_comes_back(room: House) -> None:
    reader = local_administrator(acting_as="mara:hr")
    params = {"query": "band seven begins at", "collections": ["handbook"], "limit": 1}
    found = await room.operate_as(reader, "knowledge.search", params)
    (result,) = found["results"]
    assert result["doc_id"] == "salaries.md"
    back = await post(room, {"query": f"Is this so? {result['text']}", "collections": ["plant"]})
    assert back.json()["data_class"] == "confidential"


def write_rows(path: Path, *rows: dict[str, Any]) -> str:
    text = "".join(json.dumps(row) + "\n" for row in rows).encode()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return str(path)


ROWS = (
    {"query_id": "one", "query": "paid leave", "as": "mara:hr", "relevant": {"salaries.md": 1}},
    {"query_id": "two", "query": "paid leave", "as": "joe", "relevant": {"salaries.md": 1}},
    {"query_id": "three", "query": "pump seal"},
)


async def test_a_file_is_one_decision_and_each_row_has_its_readers_rights(
    room: House, tmp_path: Path
) -> None:
    before = len(await room.decisions())
    file = write_rows(tmp_path / "rows.jsonl.gz", *ROWS)
    found = await room.operate("knowledge.search_file", {"queries": file, "limit": 3})
    assert len(await room.decisions()) == before + 1
    one, two, three = found["queries"]
    assert [each["query_id"] for each in (one, two, three)] == ["one", "two", "three"]
    assert "salaries.md" in documents(one)
    assert "salaries.md" not in documents(two)
    assert documents(three)[0] == "pump.md"
    assert all(len(each["results"]) <= 3 for each in found["queries"])
    metrics = found["metrics"]
    assert (metrics["n"], metrics["recall@5"]) == (2, 0.5)
    assert 0 < metrics["ndcg@10"] <= 0.5
    assert metrics["intervals"]["recall@5"][0] < 0.5 < metrics["intervals"]["recall@5"][1]


async def test_the_decision_of_a_file_commits_to_what_each_row_was_given(
    room: House, tmp_path: Path
) -> None:
    file = write_rows(tmp_path / "rows.jsonl", *ROWS)
    found = await room.operate("knowledge.search_file", {"queries": file, "limit": 1})
    record = await room.record(found["decision_id"])
    assert (record.kind, record.status, record.data_class) == ("search", "answered", "confidential")
    events = await room.platform.projector.events_of("default", found["decision_id"])
    (table,) = json.loads(events[-1].fields_json() or b"")["result_tables"]
    rows = (await room.platform.tables.rows("default", table)).splitlines()
    first = json.loads(rows[0])
    assert (first["id"], first["reader"]) == ("one", "as:mara")
    assert [each["doc_id"] for each in first["passages"]] == documents(found["queries"][0])
    assert b"thirty days" not in b"".join(rows)


async def test_the_decision_of_a_file_has_the_hash_of_the_file_as_it_stands(
    room: House, tmp_path: Path
) -> None:
    file = Path(write_rows(tmp_path / "rows.jsonl.gz", ROWS[2]))
    found = await room.operate("knowledge.search_file", {"queries": str(file)})
    record = await room.record(found["decision_id"])
    content = file.read_bytes()
    assert record.input_sha256 == hashlib.sha256(content).hexdigest()
    assert record.input_bytes == len(content)


async def test_a_row_whose_reader_cannot_be_is_told_before_anything_is_searched(
    room: House, tmp_path: Path
) -> None:
    before = len(await room.decisions())
    file = write_rows(tmp_path / "rows.jsonl", ROWS[2], {**ROWS[0], "as": "mara:"})
    with pytest.raises(InvalidRequest, match=r"query 'one': 'mara:' is no reader"):
        await room.operate("knowledge.search_file", {"queries": file})
    assert len(await room.decisions()) == before


async def test_reader_of_rows_that_name_nobody_is_the_one_asserted(
    room: House, tmp_path: Path
) -> None:
    file = write_rows(tmp_path / "rows.jsonl", {"query": "paid leave"})
    params = {"queries": file, "collections": ["handbook"]}
    for reader, sees in ((None, True), ("mara:hr", True), ("joe", False)):
        found = await room.operate("knowledge.search_file", {**params, "reader": reader})
        assert ("salaries.md" in documents(found["queries"][0])) is sees, reader
        assert "metrics" not in found


async def test_only_the_local_administrator_searches_by_a_file(room: House, tmp_path: Path) -> None:
    file = write_rows(tmp_path / "rows.jsonl", *ROWS)
    with pytest.raises(Forbidden):
        await room.operate_as(
            local_administrator(acting_as="mara:hr"), "knowledge.search_file", {"queries": file}
        )


async def test_a_wrong_file_is_told_with_its_line(room: House, tmp_path: Path) -> None:
    file = write_rows(tmp_path / "rows.jsonl", {"query": "fine"}, {"query": ""})
    with pytest.raises(InvalidRequest, match=r"rows\.jsonl:2"):
        await room.operate("knowledge.search_file", {"queries": file})
    with pytest.raises(NotFound, match="no collection"):
        await room.operate(
            "knowledge.search_file",
            {"queries": write_rows(tmp_path / "a.jsonl", ROWS[2]), "collections": ["none"]},
        )
