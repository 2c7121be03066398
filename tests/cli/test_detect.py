"""`befit detect`: files, standard input, with and without a workspace."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Shell

CARD = "4111 1111 1111 1111"


def test_the_document_keeps_the_contract(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(json.dumps({"id": "a", "text": f"card {CARD}"}) + "\n")
    document = shell("detect", str(file), "--json").json
    (row,) = document["results"]
    assert row == {
        "id": "a",
        "data_class": "restricted",
        "tags": ["pci", "pii"],
        "spans": [{"start": 5, "end": 24, "type": "CREDIT_CARD", "score": 1.0}],
    }
    assert document["decision_id"].startswith("dec_")


def test_people_see_places_and_types_and_never_a_value(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "letter.txt"
    file.write_text(f"card {CARD}")
    result = shell("detect", str(file))
    assert "5-24" in result.out
    assert "CREDIT_CARD" in result.out
    assert CARD not in result.out + result.err
    assert "decision dec_" in result.err


def test_a_file_that_is_not_there_is_wrong_use(shell: Shell) -> None:
    result = shell("detect", "nowhere.jsonl", code=2)
    assert "nowhere.jsonl" in result.err


def test_standard_input_is_rows_or_a_text(shell: Shell) -> None:
    rows = shell("detect", "-", "--json", stdin=json.dumps({"id": "x", "text": CARD})).json
    text = shell("detect", "-", "--json", stdin=f"one\ntwo {CARD}").json
    assert [row["id"] for row in rows["results"]] == ["x"]
    assert text["results"][0]["spans"][0]["start"] == len("one\ntwo ")


def test_without_a_workspace_it_detects_and_says_that_nothing_is_recorded(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(json.dumps({"text": CARD}) + "\n")
    bare = Shell(tmp_path)
    document = bare("detect", "rows.jsonl", "--json").json
    assert document["decision_id"] is None
    assert document["results"][0]["data_class"] == "restricted"
    assert "no workspace, no decision" in bare("detect", "-", stdin=CARD).err
    assert "befit init" in bare("detect", "-", "--workspace", "elsewhere", code=1, stdin=CARD).err
