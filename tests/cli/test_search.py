"""`befit search`, `knowledge why` and `feedback` as a user runs them, beside a server and alone."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Served, Shell, needs_weights, serve

DOCUMENTS = (
    {
        "doc_id": "leave.md",
        "title": "Leave",
        "text": "Employees have thirty days of paid leave each year.",
        "acl": {"groups": ["everyone"]},
    },
    {
        "doc_id": "bands.md",
        "title": "Bands",
        "text": "Band seven begins at 91,000 a year. Paid leave counts as working time.",
        "acl": {"groups": ["hr"]},
        "data_class": "confidential",
    },
    {
        "doc_id": "odd.md",
        "title": "Odd \x1b]0;title\x07",
        "text": "\x1b[2JThe pump\u202e leaks.",
        "acl": {"groups": ["everyone"]},
    },
)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """A workspace with a collection, and nothing that serves it."""
    needs_weights()
    folder = tmp_path_factory.mktemp("search")
    Shell(folder)("init", ".")
    file = folder / "documents.jsonl"
    file.write_text("".join(json.dumps(each) + "\n" for each in DOCUMENTS))
    shell = Shell(folder)
    shell("ingest", "documents.jsonl", "--collection", "handbook")
    return shell


@pytest.fixture(scope="module")
def served(alone: Shell) -> Iterator[Served]:
    yield from serve(alone)


def found(result: Any) -> list[str]:
    return [each["doc_id"] for each in result.json["results"]]


def test_two_readers_find_what_each_may_read(alone: Shell) -> None:
    by_hr = alone("search", "paid leave", "--collection", "handbook", "--as", "mara:hr", "--json")
    by_all = alone("search", "paid leave", "--collection", "handbook", "--as", "joe", "--json")
    assert set(found(by_hr)) >= {"leave.md", "bands.md"}
    assert "bands.md" not in found(by_all)
    assert {"decision_id", "found", "data_class"} <= by_all.json.keys()


def test_the_same_beside_a_server(served: Served) -> None:
    by_all = served.shell("search", "paid leave", "--as", "joe", "--json")
    assert found(by_all)[0] == "leave.md"
    assert "bands.md" not in found(by_all)
    told = served.shell("search", "paid leave", "--as", "joe", "--limit", "1")
    assert told.out.startswith("1. Leave\n   handbook: leave.md · internal · score ")
    assert told.err.startswith("found: 1 passage of 1 document · class internal · ")
    assert "thirty days" in told.out
    assert "decision dec_" in told.err


def test_nothing_found_is_said_and_is_no_failure(served: Served) -> None:
    shell = served.shell
    told = shell("search", "leave", "--filter", "colour=red")
    assert told.out == ""
    assert "not found: nothing that you may read speaks to it" in told.err
    assert shell("search", "leave", "--filter", "colour=red", "--json").json["found"] is False


def test_documents_write_nothing_but_text_to_the_terminal(served: Served) -> None:
    told = served.shell("search", "the pump leaks", "--limit", "1")
    assert "pump" in told.out
    assert not {"\x1b", "\x07", "\u202e"} & set(told.out)


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("search",), 2, "give a QUERY"),
        (("search", "a", "--queries", "f"), 2, "give a QUERY"),
        (("search", " "), 2, "the query is empty"),
        (("search", "a", "--filter", "red"), 2, "KEY=VALUE"),
        (("search", "a", "--limit", "1000"), 2, "1 to 100"),
        (("search", "a", "--collection", "handbok"), 1, "handbook"),
        (("search", "--queries", "gone.jsonl"), 2, "cannot read"),
        (("feedback", "dec_none", "useful"), 1, "no decision"),
        (("feedback", "dec_none", "fine"), 2, "useful"),
        (("knowledge", "why", "gone.md", "--as", "joe"), 1, "no document"),
    ],
)
def test_wrong_use_is_told_in_one_line(
    served: Served, arguments: tuple[str, ...], code: int, told: str
) -> None:
    result = served.shell(*arguments, code=code)
    assert told in result.err
    assert result.err.count("\n") == 1


def test_a_file_of_queries_is_searched_for_each_reader(served: Served) -> None:
    shell = served.shell
    rows = (
        {"query_id": "hr", "query": "paid leave", "as": "mara:hr", "relevant": {"bands.md": 1}},
        {"query_id": "all", "query": "paid leave", "relevant": {"bands.md": 1}},
    )
    text = "".join(json.dumps(row) + "\n" for row in rows).encode()
    (shell.folder / "queries.jsonl.gz").write_bytes(gzip.compress(text))
    result = shell(
        "search", "--queries", "queries.jsonl.gz", "--collection", "handbook", "--as", "joe",
        "--json",
    )  # fmt: skip
    by_hr, by_all = result.json["queries"]
    assert (by_hr["query_id"], by_all["query_id"]) == ("hr", "all")
    assert "bands.md" in [each["doc_id"] for each in by_hr["results"]]
    assert "bands.md" not in [each["doc_id"] for each in by_all["results"]]
    assert result.json["metrics"]["recall@5"] == 0.5
    told = shell("search", "--queries", "queries.jsonl.gz", "--as", "joe")
    assert told.out.splitlines()[1].split("\t")[0] == "all"
    assert "recall@5 0.500" in told.err
    assert "over 2 judged queries" in told.err


def test_why_says_by_what_and_its_exit_code_says_whether(served: Served) -> None:
    shell = served.shell
    assert "group hr" in shell("knowledge", "why", "bands.md", "--as", "mara:hr").out
    denied = shell("knowledge", "why", "bands.md", "--as", "joe", "--json", code=1).json
    assert (denied["allowed"], denied["collection"]) == (False, "handbook")
    assert denied["because"] in denied["path"]


def test_feedback_stands_in_the_decision_and_becomes_a_case(served: Served, tmp_path: Path) -> None:
    shell = served.shell
    decision_id = shell("search", "paid leave", "--as", "joe", "--json").json["decision_id"]
    said = ("feedback", decision_id, "wrong", "--note", "it is 28 days")
    assert "becomes an evaluation case" in shell(*said, "--as", "joe").err
    assert "no decision" in shell(*said, "--as", "mara", code=1).err
    shown = shell("audit", "show", decision_id).out
    assert "wrong, by as:joe" in shown
    assert "it is 28 days" in shown
    (line,) = [
        case
        for case in map(json.loads, shell("feedback", "cases").out.splitlines())
        if case["id"] == decision_id
    ]
    assert (line["input"], line["meta"]["flagged"]) == ("paid leave", True)
    assert line in shell("feedback", "cases", "--json").json["cases"]
