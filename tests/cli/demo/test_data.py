"""The demo's data is what its README says: varied, balanced and its parts disjoint."""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

DATA = Path(__file__).resolve().parents[3] / "src" / "befit" / "cli" / "demo" / "data"
PARTS = {"train": 26, "held_out": 18}


def rows(name: str) -> list[dict[str, Any]]:
    """The rows of one file."""
    lines = (DATA / name).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def tickets() -> list[dict[str, Any]]:
    return [row for part in PARTS for row in rows(f"tickets.{part}.jsonl")]


@pytest.mark.parametrize(("part", "per_class"), PARTS.items())
def test_every_class_has_equally_many_tickets_in_each_part(part: str, per_class: int) -> None:
    labels = yaml.safe_load((DATA / "labels.yaml").read_text(encoding="utf-8"))
    counts = Counter(row["label"] for row in rows(f"tickets.{part}.jsonl"))
    assert counts == dict.fromkeys(labels, per_class)
    assert len(labels) == 12


def test_tickets_are_cases_with_ids_of_their_own(tickets: list[dict[str, Any]]) -> None:
    assert all(row.keys() == {"id", "text", "label"} for row in tickets)
    assert len({row["id"] for row in tickets}) == len(tickets)


def test_no_two_tickets_are_near_duplicates(tickets: list[dict[str, Any]]) -> None:
    four_word_sequences = [_sequences(row["text"]) for row in tickets]
    alike = [
        (tickets[one]["id"], tickets[other]["id"])
        for one, other in itertools.combinations(range(len(tickets)), 2)
        if _share(four_word_sequences[one], four_word_sequences[other]) > 0.6
    ]
    assert not alike


def test_tickets_are_short_and_long(tickets: list[dict[str, Any]]) -> None:
    lengths = sorted(len(row["text"].split()) for row in tickets)
    assert lengths[0] >= 4
    assert lengths[-1] <= 80
    assert sum(length >= 45 for length in lengths) >= 24
    assert sum(length <= 8 for length in lengths) >= 24


def test_the_other_texts_name_their_class_and_task() -> None:
    assert {row["label"] for row in rows("out_of_scope.jsonl")} == {"oos"}
    for name, classes in {
        "planning.jsonl": {"internal", "confidential"},
        "restricted.jsonl": {"restricted"},
    }.items():
        assert {row["meta"]["data_class"] for row in rows(name)} <= classes
    assert all(row["meta"]["task"] for row in rows("restricted.jsonl"))


def _sequences(text: str) -> set[tuple[str, ...]]:
    words = re.findall(r"[a-z0-9']+", text.lower())
    return {tuple(words[at : at + 4]) for at in range(max(1, len(words) - 3))}


def _share(one: set[tuple[str, ...]], other: set[tuple[str, ...]]) -> float:
    return len(one & other) / min(len(one), len(other))
