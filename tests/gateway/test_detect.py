"""`POST /v1/detect` and the operation behind it: one decision, no model called, nothing echoed."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from befit.errors import Conflict, Forbidden, InvalidRequest
from befit.identity import Principal
from tests.gateway.conftest import Build, House

CARD = "4111 1111 1111 1111"


async def post(house: House, body: Any, who: str = "user") -> Any:
    async with house.http(who) as http:
        return await http.post("/v1/detect", json=body)


async def test_texts_are_answered_with_what_each_holds(house: House) -> None:
    answer = await post(house, {"texts": [f"card {CARD}", "jo@example.org", "hello"]})
    assert answer.status_code == 200
    card, mail, nothing = answer.json()["results"]
    assert card == {
        "id": "1",
        "data_class": "restricted",
        "tags": ["pci", "pii"],
        "spans": [{"start": 5, "end": 24, "type": "CREDIT_CARD", "score": 1.0}],
    }
    assert (mail["id"], mail["data_class"], mail["tags"]) == ("2", "internal", ["pii"])
    assert (nothing["data_class"], nothing["tags"], nothing["spans"]) == ("public", [], [])


async def test_it_leaves_one_decision_of_the_class_found_and_calls_no_model(house: House) -> None:
    answer = await post(house, {"text": f"card {CARD}"})
    document = answer.json()
    assert answer.headers["befit-decision"] == document["decision_id"]
    record = await house.record(document["decision_id"])
    assert (record.status, record.data_class) == ("answered", "restricted")
    assert (house.near.connections, house.far.connections) == (0, 0)
    assert len(await house.decisions()) == 1


@pytest.mark.parametrize(
    "body",
    [{}, {"text": "a", "texts": ["b"]}, {"texts": []}, {"texts": [1]}, {"txt": CARD}, [CARD]],
)
async def test_a_wrong_body_is_refused_without_an_echo(house: House, body: Any) -> None:
    answer = await post(house, body)
    assert answer.status_code == 400
    assert "4111" not in answer.text
    assert await house.decisions() == []


async def test_rows_of_files_keep_their_ids_and_their_form(house: House, tmp_path: Path) -> None:
    rows = [{"id": "a", "text": CARD}, {"input": {"card": CARD}}, {"id": 7, "text": ""}]
    packed = tmp_path / "rows.jsonl.gz"
    packed.write_bytes(gzip.compress("\n".join(map(json.dumps, rows)).encode()))
    plain = tmp_path / "letter.txt"
    plain.write_text(f"Dear all,\n\n{CARD}\n")
    told = await house.operate("detect", {"file": str(packed)})
    assert [row["id"] for row in told["results"]] == ["a", "2", "7"]
    assert [len(row["spans"]) for row in told["results"]] == [1, 1, 0]
    (row,) = (await house.operate("detect", {"file": str(plain)}))["results"]
    assert row["spans"][0]["start"] == len("Dear all,\n\n")


async def test_many_rows_are_one_decision(house: House, tmp_path: Path) -> None:
    file = tmp_path / "many.jsonl"
    file.write_text("".join(json.dumps({"text": f"{n} {CARD}"}) + "\n" for n in range(2_500)))
    told = await house.operate("detect", {"file": str(file)})
    assert len(told["results"]) == 2_500
    assert len(await house.decisions()) == 1


@pytest.mark.parametrize(
    ("name", "content", "part"),
    [
        ("x.jsonl", b'{"text": 4}', "x.jsonl:1:"),
        ("x.jsonl", b"\n{broken", "x.jsonl:2: not JSON"),
        ("x.jsonl", b'{"id": "a"}', "neither `text` nor `input`"),
        ("x.jsonl", b"\n\n", "holds no rows"),
        ("x.txt", b"\xff\xfe4\x00", "not UTF-8"),
        ("x.txt.gz", b"no gzip", "not a whole gzip file"),
    ],
)
async def test_a_file_that_cannot_be_read_says_where_and_why(
    house: House, tmp_path: Path, name: str, content: bytes, part: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidRequest) as error:
        await house.operate("detect", {"file": str(tmp_path / name)})
    assert part in str(error.value)


async def test_reading_a_file_of_the_server_takes_an_administrator(house: House) -> None:
    reader = Principal(id="user:jo", name="jo")
    with pytest.raises(Forbidden):
        await house.operate_as(reader, "detect", {"file": "/etc/hostname"})


async def test_the_companys_own_table_decides(build: Build) -> None:
    section = "detection: {consequences: {EMAIL_ADDRESS: {class: confidential}}}"
    async with build(more=section) as house:
        (row,) = (await post(house, {"text": "jo@example.org"})).json()["results"]
        assert (row["data_class"], row["tags"]) == ("confidential", [])


async def test_where_detection_is_off_it_says_so(build: Build) -> None:
    async with build(more="detection: {enabled: false}") as house:
        answer = await post(house, {"text": CARD})
        assert answer.status_code == Conflict.status
        assert "enabled: true" in answer.text
        (decision,) = await house.decisions()
        assert decision["status"] == "refused"
