"""What a search found, as it stands on a terminal."""

from __future__ import annotations

import os
import re
import sys

import click
import pytest

from befit.cli.passages import Passage, passage_report

PAID = "Employees have thirty days of paid leave each year, and none of it lapses."


def passage(text: str = PAID, **more: object) -> Passage:
    told: dict[str, object] = {
        "doc_id": "hr/leave.md",
        "passage_id": "K.0",
        "score": 0.4733,
        "title": "Leave",
        "collection": "handbook",
        "page": None,
        "uri": "",
        "data_class": "internal",
    }
    return Passage(text=text, **(told | more))  # type: ignore[arg-type]


def marks(text: str, *words: str) -> list[tuple[int, int]]:
    return [found.span() for word in words for found in re.finditer(word, text)]


def terminal(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(columns))
    assert os.environ["COLUMNS"]


def test_a_passage_tells_rank_title_place_page_class_score_and_text() -> None:
    found = (passage(page=3, uri="https://pages.example/leave"), passage(title=""))
    assert click.unstyle(passage_report(found)) == (
        "1. Leave\n"
        "   handbook: hr/leave.md, page 3 · internal · score 0.47\n"
        "   https://pages.example/leave\n"
        f"   {PAID}\n"
        "\n"
        "2. hr/leave.md\n"
        "   handbook: hr/leave.md · internal · score 0.47\n"
        f"   {PAID}"
    )


def test_the_querys_words_stand_out() -> None:
    shown = passage_report([passage(highlights=marks(PAID, "paid", "leave"))])
    assert shown.count(click.style("paid", underline=True)) == 1
    assert shown.count(click.style("leave", underline=True)) == 1
    assert PAID in click.unstyle(shown)


@pytest.mark.parametrize("columns", [80, 120])
def test_texts_are_broken_between_words_within_the_terminals_width(
    monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    terminal(monkeypatch, columns)
    text = PAID * 5
    lines = click.unstyle(passage_report([passage(text, highlights=marks(text, "paid"))]))
    told = lines.splitlines()[2:]
    assert len(told) > 2
    assert all(len(line) <= columns and line.startswith("   ") for line in told)
    assert " ".join(" ".join(told).split()).rstrip(" …") in text


def test_of_a_long_text_the_stretch_with_the_querys_words_is_shown() -> None:
    text = "word " * 400 + PAID + " word" * 400
    shown = click.unstyle(passage_report([passage(text, highlights=marks(text, "paid", "leave"))]))
    line = shown.splitlines()[-1].strip()
    assert "paid leave" in line
    assert line.startswith("… ")
    assert line.endswith(" …")
    assert len(line) < 450


def test_a_script_without_spaces_is_cut_as_well() -> None:
    shown = click.unstyle(passage_report([passage("\u6f22" * 2_000)]))
    assert 400 <= len(shown.splitlines()[-1].strip()) < 410


@pytest.mark.parametrize("hostile", ["\x1b[2J", "a\nb", "\u202e", "\x07", "\x9b1A"])
def test_nothing_of_a_document_moves_the_cursor(hostile: str) -> None:
    told = passage(hostile, title=hostile, doc_id=hostile, uri=f"https://{hostile}")
    lines = click.unstyle(passage_report([told])).split("\n")
    assert len(lines) <= 4
    assert all(line.isprintable() for line in lines)
