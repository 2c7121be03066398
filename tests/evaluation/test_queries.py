from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from befit.errors import InvalidRequest
from befit.evaluation import Query, read_queries
from befit.messages import Message

ROWS = [
    {
        "query_id": "a",
        "query": "And there?",
        "history": [{"role": "user", "content": "Here?"}, {"role": "assistant", "content": "Yes."}],
        "relevant": {"d1": 2, "d2": 0},
        "as": "mara:hr",
        "note": "the data's own",
    },
    {"query": "Wie lange?"},
    {"query_id": 7, "query": "有給休暇"},
]
READ = (
    Query(
        id="a",
        text="And there?",
        history=(Message(role="user", content="Here?"), Message(role="assistant", content="Yes.")),
        relevant={"d1": 2.0, "d2": 0.0},
        reader="mara:hr",
    ),
    Query(id="2", text="Wie lange?"),
    Query(id="7", text="有給休暇"),
)


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.jsonl.gz"])
def test_rows_are_read_plain_and_packed(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    text = "\n\n".join(json.dumps(row, ensure_ascii=False) for row in ROWS).encode()
    file.write_bytes(gzip.compress(text) if name.endswith(".gz") else b"\xef\xbb\xbf" + text)
    assert tuple(read_queries(file)) == READ


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("{}", "query"),
        ('{"query": " "}', "empty"),
        ('{"query": 1}', "query"),
        ('{"query": "a", "relevant": ["d1"]}', "relevant"),
        ('{"query": "a", "history": [{"role": "user"}]}', "history"),
        ('{"query": "a", "as": ""}', '"as" is empty'),
        ('{"query": "a", "as": " "}', '"as" is empty'),
        ("{", "not JSON"),
    ],
)
def test_a_wrong_row_is_told_with_its_line(tmp_path: Path, line: str, told: str) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text('{"query": "fine"}\n' + line + "\n")
    with pytest.raises(InvalidRequest, match=rf"rows\.jsonl:2: .*{told}"):
        list(read_queries(file))


def test_a_file_without_rows_is_refused(tmp_path: Path) -> None:
    (tmp_path / "none.jsonl").write_text("\n \n")
    with pytest.raises(InvalidRequest, match="holds no queries"):
        list(read_queries(tmp_path / "none.jsonl"))
    with pytest.raises(InvalidRequest, match="cannot read"):
        list(read_queries(tmp_path / "gone.jsonl"))
