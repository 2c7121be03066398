"""Reading YAML of the workspace: safely, and with the line of every problem."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from befit.catalog.document import read_document
from befit.catalog.yaml_tree import MAX_BYTES


def _problems(text: str) -> list[str]:
    return [str(problem) for problem in read_document(text.encode(), file="f.yaml").problems]


def test_plain_words_are_read_as_yaml_1_2_reads_them():
    document = read_document(b"a: [no, NO, on, 1:30, 010, 2.5, true, null, 2026-01-02]", file="f")
    assert document.value == {"a": ["no", "NO", "on", "1:30", 10, 2.5, True, None, "2026-01-02"]}


def test_a_duplicate_key_is_refused_with_its_place_and_line():
    assert _problems("a:\n  b: 1\n  b: 2\n") == [
        "a key that stands twice in f.yaml at a.b (line 3)"
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "nothing in f.yaml"),
        ("# only a comment\n", "nothing in f.yaml"),
        ("- a\n", "no mapping in f.yaml"),
        ("a: 1\n---\nb: 2\n", "YAML error"),
        ("a: [1\n", "YAML error"),
        ("a: !!python/object:os.system x\n", "a tag in f.yaml at a"),
        ("a: !!binary aGk=\n", "a tag in f.yaml at a"),
        ("a: !!bool perhaps\n", "a tag in f.yaml at a"),
        ("1: x\n", "a key that is not text"),
        ("[a]: x\n", "a key that is not text"),
        ("a: .inf\n", "a number out of range"),
        ("a: 1e999\n", "a number out of range"),
        ("a: " + "9" * 5000, "a number out of range"),
        ('a: "\\ud800"\n', "half a character"),
        ('a: "\\UFFFFFFFF"\n', "a character that YAML does not allow"),
        ("a: *b\n", "YAML error"),
        ("a: &a [*a]\n", "an alias that contains itself"),
        ("a: " + "[" * 2000, "levels of nesting"),
        ("a: \x07\n", "a character that YAML does not allow"),
    ],
)
def test_what_is_not_a_plain_mapping_is_refused(text: str, expected: str):
    problems = _problems(text)
    assert problems
    assert expected in problems[0]


def test_aliases_that_multiply_are_stopped_by_what_they_expand_to():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    assert "more than 50000 values" in _problems("\n".join(lines))[0]


def test_aliases_that_nest_are_stopped_before_the_stack_is():
    lines = ["a0: &a0 [x]"] + [f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 3000)]
    assert "levels" in _problems("\n".join(lines))[0]


def test_a_file_over_the_limit_is_not_parsed():
    assert read_document(b"a: 1\n" * MAX_BYTES, file="f").problems[0].what.startswith("more than")


def test_bytes_that_are_not_utf8_name_their_line():
    assert read_document(b"a: 1\nb: \xff\n", file="f").problems[0].line == 2


def test_a_yaml_error_quotes_nothing_of_the_file():
    text = "key: 'sk-hunter2\n" + "other: *sk-hunter2\n"
    assert "hunter2" not in "".join(_problems(text))
    assert "hunter2" not in "".join(_problems("key: *sk-hunter2\n"))
    assert "hunter2" not in "".join(_problems("key: &sk-hunter2! x\n"))


def test_a_place_without_a_line_takes_that_of_the_closest_above():
    document = read_document(b"a:\n  b: {c: 1}\n", file="f")
    assert document.line(("a", "b", "missing")) == 2
    assert document.line(("a", "b", "c")) == 2
    assert document.line(()) is None


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_come_back_as_a_document(raw: bytes):
    document = read_document(raw, file="f.yaml")
    assert (document.value is None) == bool(document.problems)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="a:-[]{}&*!|>#'\"\n \t,0.\\uUd8", max_size=120))
def test_any_text_near_yaml_comes_back_as_a_document(text: str):
    document = read_document(text.encode(), file="f.yaml")
    assert (document.value is None) == bool(document.problems)
