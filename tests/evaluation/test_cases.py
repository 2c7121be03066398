from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from befit.errors import InvalidRequest
from befit.evaluation import cases_sha256, read_cases, text_of
from befit.vocabulary import Case


def written(tmp_path: Path, *lines: str | dict[str, object], name: str = "cases.jsonl") -> Path:
    path = tmp_path / name
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


def test_both_shapes_are_read(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        {"id": "a", "input": "one", "expected": ["x", "y"], "meta": {"any": 1}},
        {"input": {"k": 1}, "expected": {"total": 3}},
        {"text": "three", "label": "z", "domain": "kept out"},
        {"input": "four"},
    )
    assert tuple(read_cases(path)) == (
        Case(id="a", input="one", expected=("x", "y")),
        Case(id="2", input={"k": 1}, expected={"total": 3}),
        Case(id="3", input="three", expected="z"),
        Case(id="4", input="four", expected=None),
    )


def test_gzip_is_read_alike(tmp_path: Path) -> None:
    lines = ({"text": "one", "label": "a"}, {"text": "zwei ü", "label": "b"})
    plain, packed = written(tmp_path, *lines), written(tmp_path, *lines, name="cases.jsonl.gz")
    assert tuple(read_cases(plain)) == tuple(read_cases(packed))
    assert cases_sha256(read_cases(plain)) == cases_sha256(read_cases(packed))


def test_blank_lines_and_a_byte_order_mark_do_not_disturb_row_numbers(tmp_path: Path) -> None:
    path = tmp_path / "cases.jsonl"
    path.write_bytes(
        b'\xef\xbb\xbf{"text": "a", "label": "x"}\r\n\r\n{"text": "b", "label": 7}\r\n'
    )
    assert [(case.id, case.expected) for case in read_cases(path)] == [("1", "x"), ("2", "7")]


def test_reading_streams(tmp_path: Path) -> None:
    path = written(tmp_path, {"text": "fine", "label": "x"}, "broken")
    cases = read_cases(path)
    assert next(cases).input == "fine"  # before the broken line is reached
    with pytest.raises(InvalidRequest):
        next(cases)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{broken", r"cases\.jsonl:3: not JSON"),
        ("[1, 2]", r"cases\.jsonl:3: Expected `object`"),
        ('{"text": 5, "label": "x"}', r"cases\.jsonl:3: .*\$\.text"),
        ('{"label": "x"}', r"cases\.jsonl:3: neither `input` nor `text`"),
        ('{"text": "a", "input": "b"}', r"cases\.jsonl:3: both"),
        ('{"text": "  ", "label": "x"}', r"cases\.jsonl:3: the input is empty"),
        ('{"input": {}, "expected": "x"}', r"cases\.jsonl:3: the input is empty"),
        ('{"text": "a", "label": " "}', r"cases\.jsonl:3: the expected answer is empty"),
        ('{"text": "a", "label": []}', r"cases\.jsonl:3: the list of expected"),
        ('{"text": "a", "label": [1]}', r"cases\.jsonl:3: .*label"),
        ('{"id": "1", "text": "a"}', r"cases\.jsonl:3: id '1' stands twice"),
        ('{"text": "\xff"}', r"cases\.jsonl:3"),
    ],
)
def test_a_wrong_line_is_named_with_file_line_and_reason(
    tmp_path: Path, line: str, message: str
) -> None:
    path = tmp_path / "cases.jsonl"
    path.write_bytes(b'{"text": "fine", "label": "x"}\n\n' + line.encode("latin-1"))
    with pytest.raises(InvalidRequest, match=message) as caught:
        tuple(read_cases(path))
    assert caught.value.exit_code == 2


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="holds no cases"):
        tuple(read_cases(written(tmp_path, "", "")))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"cannot read .*nowhere\.jsonl"):
        tuple(read_cases(tmp_path / "nowhere.jsonl"))


@pytest.mark.parametrize("keep", [0.5, 0.0])
def test_a_cut_or_false_gzip_file_is_named(tmp_path: Path, keep: float) -> None:
    path = written(tmp_path, *[{"text": f"text {n}"} for n in range(50)], name="cases.jsonl.gz")
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)] or b"no gzip at all")
    with pytest.raises(InvalidRequest, match="not a whole gzip file"):
        tuple(read_cases(path))


@given(st.lists(st.dictionaries(st.text(), st.integers() | st.text()), max_size=3), st.binary())
def test_whatever_stands_in_a_file_is_cases_or_a_named_error(
    tmp_path_factory: pytest.TempPathFactory, objects: list[dict[str, object]], tail: bytes
) -> None:
    path = tmp_path_factory.mktemp("any") / "cases.jsonl"
    path.write_bytes("\n".join(json.dumps(one) for one in objects).encode() + b"\n" + tail)
    try:
        assert all(isinstance(case, Case) for case in read_cases(path))
    except InvalidRequest as error:
        assert "cases.jsonl" in str(error)


def test_the_hash_is_of_content_and_order(tmp_path: Path) -> None:
    one, two = Case(id="1", input="a", expected="x"), Case(id="2", input="b", expected="y")
    assert cases_sha256([one, two]) == cases_sha256(iter([one, two]))
    assert cases_sha256([one, two]) != cases_sha256([two, one])
    assert cases_sha256([one]) != cases_sha256([Case(id="1", input="a", expected="y")])


def test_an_object_input_becomes_compact_json() -> None:
    assert text_of(Case(id="1", input={"b": 1, "a": "ü"})) == '{"b":1,"a":"ü"}'
