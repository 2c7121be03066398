"""The play reads well in a pipe of 80 columns, and ends cleanly when it is interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from befit.cli.commands.demo import command
from befit.cli.demo.screen import Screen
from befit.cli.main import befit
from tests.cli.demo.conftest import WIDTH, Played

TABLE = (("of this\nkind", "n"), (("one\nmodel", "1"), ("two", "22")))


def test_a_pipe_gets_plain_lines_that_fit(played: Played) -> None:
    lines = played.printed.splitlines()
    assert all(character.isprintable() for line in lines for character in line)
    assert not [line for line in lines if len(line) > WIDTH]
    assert not [line for line in lines if line != line.rstrip()]


def test_the_play_says_what_was_not_measured(played: Played) -> None:
    assert "not measured" in played.printed
    assert played.scene("tickets")["large"] == {
        "model": None,
        "measured": False,
        "reason": "none was configured; befit demo --large NAME measures yours",
        "n": 0,
        "score": None,
        "interval": None,
        "p95_ms": None,
        "cost_usd_per_1000": None,
        "failed": 0,
    }


def test_each_shown_request_prints_all_that_was_decided(played: Played) -> None:
    labels = ("class", "struck out", "chosen", "check", "escalation", "spent", "decision")
    shown = played.printed.split("\n    class ")[1:]
    assert len(shown) >= 9
    for block in shown:
        facts = ("    class " + block).partition("\n    decision")
        assert all(f"\n    {label}" in "\n" + "".join(facts) for label in labels)


def test_the_printed_command_shows_the_decision(played: Played) -> None:
    _, *arguments = played.document["summary"]["show"].split()
    result = CliRunner().invoke(befit, arguments)
    assert result.exit_code == 0, result.output
    assert played.document["summary"]["decision_id"] in result.output


@pytest.mark.parametrize(("width", "gap"), [(80, "  "), (12, " ")])
def test_a_table_closes_up_where_the_terminal_is_narrow(width: int, gap: str) -> None:
    pipe = StringIO()
    Screen(Console(file=pipe, width=width)).table(*TABLE)
    lines = [line[2:] for line in pipe.getvalue().splitlines()[1:]]
    assert lines[:3] == [f"of this{gap} n", "kind", f"-------{gap}--"]
    assert lines[-1] == f"two    {gap}22"


def test_a_long_reason_hangs_below_its_label() -> None:
    pipe = StringIO()
    Screen(Console(file=pipe, width=40)).block("  - model  " + "word " * 20)
    lines = pipe.getvalue().splitlines()
    assert len(lines) > 2 and all(len(line) <= 40 for line in lines)
    assert all(line.startswith(" " * 8) for line in lines[1:])


def test_a_folder_that_is_not_empty_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    result = CliRunner().invoke(command, ["--keep", str(tmp_path)])
    assert "is not an empty folder" in str(result.exception)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_ctrl_c_leaves_no_process_and_no_file(tmp_path: Path) -> None:
    playing = subprocess.Popen(
        [sys.executable, "-c", "from befit.cli import main; main(['demo'])"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"},
    )
    assert playing.stdout is not None
    with playing:
        for line in playing.stdout:
            if "decision " in line:  # the first one has been shown
                break
        assert any(tmp_path.iterdir())
        playing.send_signal(signal.SIGINT)
        _, said = playing.communicate(timeout=30)
    assert playing.returncode == 130
    assert said.strip() == "befit: interrupted"
    assert not list(tmp_path.iterdir())
    assert not _processes_under(tmp_path)


def _processes_under(folder: Path) -> list[str]:
    """Processes that work in or were given a folder."""
    found: list[str] = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            named = (process / "environ").read_bytes() + (process / "cmdline").read_bytes()
        except OSError:
            continue
        if os.fsencode(folder) in named:
            found.append(process.name)
    return found
