"""Which paths a pattern speaks of, and that no pattern is dear to match."""

from __future__ import annotations

import re
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from befit.knowledge.access import PathPattern
from befit.knowledge.access.pattern import normalised


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        ("hr/**", ["hr/a", "hr/a/b.md", "/hr/a", "hr//a"], ["hr", "hr2/a", "x/hr/a", "HR/a", ""]),
        ("hr/*", ["hr/a", "hr/.hidden"], ["hr/a/b", "hr"]),
        ("hr", ["hr", "hr/"], ["hr/a", "h"]),
        ("**", ["a", "a/b/c"], [""]),
        ("**/salaries/*", ["salaries/x", "a/b/salaries/x"], ["salaries", "a/salaries/b/c"]),
        ("a/**/z", ["a/z", "a/b/z", "a/b/c/z"], ["a/b/z/y", "az"]),
        ("a/**/b/**/c", ["a/b/c", "a/b/x/b/c", "a/x/b/y/c"], ["a/c", "a/b/c/d"]),
        ("*.pdf", ["x.pdf", ".pdf"], ["a/x.pdf", "x.pdfs"]),
        ("a*b*c", ["abc", "aXbYc", "abbbc"], ["ab", "acb"]),
        ("a.b", ["a.b"], ["axb"]),
    ],
)
def test_a_pattern_speaks_of_these_paths_and_not_of_others(
    pattern: str, matching: list[str], other: list[str]
) -> None:
    read = PathPattern(pattern)
    assert [path for path in matching if not read.matches(normalised(path))] == []
    assert [path for path in other if read.matches(normalised(path))] == []


def test_a_name_is_the_same_however_its_accents_are_written() -> None:
    composed, apart = (unicodedata.normalize(form, "gehälter/ü.md") for form in ("NFC", "NFD"))
    assert composed != apart
    for pattern in (composed, apart, "gehälter/**"):
        assert PathPattern(pattern).matches(normalised(composed))
        assert PathPattern(pattern).matches(normalised(apart))


@pytest.mark.parametrize("wrong", ["", "/", "//", "hr/**.md", "a**/b", "***", "x" * 1_001])
def test_what_is_no_pattern_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"pattern|parts"):
        PathPattern(wrong)


@pytest.mark.parametrize(
    "nothing", ["./hr/**", "hr/../pay/**", "/hr/**", "hr//**", "hr/* ", "[a-z]?.md", "{hr,pay}/**"]
)
def test_a_pattern_that_would_speak_of_nothing_is_refused(nothing: str) -> None:
    with pytest.raises(ValueError, match="pattern"):
        PathPattern(nothing)


def _as_regex(pattern: str) -> re.Pattern[str]:
    """The same by another way, which short patterns can afford."""
    parts = [part for part in pattern.split("/") if part]
    if parts[-1] == "**":
        parts.append("*")
    piece = {"**": "(?:[^/]+/)*"}
    built = [piece.get(each, re.escape(each).replace(r"\*", "[^/]*") + "/") for each in parts]
    return re.compile("".join(built))


_PART = st.text(st.sampled_from("ab*"), min_size=1, max_size=3).filter(
    lambda part: "**" not in part
)
_PATTERN = st.lists(st.one_of(_PART, st.just("**")), min_size=1, max_size=5).map("/".join)
_PATH = st.lists(st.text(st.sampled_from("ab"), min_size=1, max_size=3), min_size=1, max_size=6)


@given(_PATTERN, _PATH.map("/".join))
def test_it_is_what_the_words_say(pattern: str, path: str) -> None:
    expected = _as_regex(pattern).fullmatch(path + "/") is not None
    assert PathPattern(pattern).matches(normalised(path)) is expected


def test_no_pattern_blows_up() -> None:
    began = time.process_time()
    for pattern, path in (
        ("*a" * 300 + "b", "a" * 1_000),
        ("**/a/" * 60 + "b", "a/" * 500 + "c"),
        ("**/*a*a*a*a/" * 20 + "b", "aaaaaaaaaa/" * 200),
    ):
        assert not PathPattern(pattern.strip("/")).matches(normalised(path))
    assert time.process_time() - began < 20  # exponential would be centuries


_PARTS = st.sampled_from(["a", "b", "*", "a*", "**"])


@given(
    pattern=st.lists(_PARTS, min_size=1, max_size=4).map("/".join),
    path=st.lists(st.sampled_from(["a", "b", "ab"]), max_size=5).map("/".join),
)
def test_what_is_wider_speaks_of_every_path_of_the_narrower(pattern: str, path: str) -> None:
    read = PathPattern(pattern)
    if read.matches(path):
        assert [each for each in read.wider() if not PathPattern(each).matches(path)] == []
