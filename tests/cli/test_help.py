"""What a command says of itself, and how wrong use is answered."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from befit.cli.main import COMMANDS, befit
from befit.cli.reference import PAGE, reference_page
from tests.cli.conftest import Shell

ROOT = Path(__file__).resolve().parents[2]


def every_command() -> list[tuple[str, ...]]:
    """All commands and their commands, as they are typed."""
    found: list[tuple[str, ...]] = []
    context = click.Context(befit)
    for name in befit.list_commands(context):
        if importlib.util.find_spec(f"befit.cli.commands.{name}") is None:
            continue
        command = befit.get_command(context, name)
        found.append((name,))
        if isinstance(command, click.Group):
            found += [(name, below) for below in command.list_commands(context)]
    return found


def test_help_lists_every_command_without_importing_one(tmp_path: Path) -> None:
    shown = Shell(tmp_path, {"PYTHONPROFILEIMPORTTIME": "1"})("--help")
    assert all(name in shown.out for name in COMMANDS)
    assert "befit.platform" not in shown.err
    assert "befit.cli.commands" not in shown.err


def test_version_imports_no_command(tmp_path: Path) -> None:
    shown = Shell(tmp_path, {"PYTHONPROFILEIMPORTTIME": "1"})("--version")
    assert shown.out.startswith("befit, version ")
    assert "befit.platform" not in shown.err


@pytest.mark.parametrize("command", every_command(), ids=" ".join)
def test_every_command_has_help_with_an_example(command: tuple[str, ...]) -> None:
    result = CliRunner().invoke(befit, [*command, "--help"])
    assert result.exit_code == 0
    assert "Example:" in result.output
    assert f"befit {command[0]}" in result.output.split("Example:")[1]


def test_the_reference_page_is_what_the_commands_say() -> None:
    missing = set(COMMANDS) - {name for name, *_ in every_command()}
    if missing:
        pytest.skip(f"not there yet: {', '.join(missing)}; then run python -m befit.cli.reference")
    written = (ROOT / PAGE).read_text()
    assert written == reference_page(), "run: python -m befit.cli.reference"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("aks", "hi"), "did you mean 'ask'?"),
        (("ask", "hi", "--modle", "x"), "--modle"),
        (("ask",), "TEXT"),
        (("ask", "hi", "--class", "secret"), "confidential"),
        (("models", "add", "x"), "--via"),
        (("keys", "create", "x", "--expires", "soon"), "30m, 12h or 7d"),
        (("usage", "--by", "colour"), "workflow, model, key, day"),
        (("check", "--workflow", "x"), "--text"),
    ],
)
def test_wrong_use_exits_2_with_one_line(
    shell: Shell, arguments: tuple[str, ...], said: str
) -> None:
    result = shell(*arguments, code=2)
    assert result.out == ""
    assert len(result.err.strip().splitlines()) == 1
    assert result.err.startswith("befit: ")
    assert said in result.err


def test_without_a_workspace_the_line_names_what_makes_one(tmp_path: Path) -> None:
    result = Shell(tmp_path)("ask", "hi", code=1)
    assert result.err == "befit: no befit.yaml in .; befit init .\n"


def test_the_workspace_is_named_before_or_behind_the_command_or_by_the_environment(
    shell: Shell, tmp_path: Path
) -> None:
    elsewhere = Shell(tmp_path)
    place = str(shell.folder)
    assert "no problem" in elsewhere("--workspace", place, "check").err
    assert "no problem" in elsewhere("check", "--workspace", place).err
    assert "no problem" in Shell(tmp_path, {"BEFIT_WORKSPACE": place})("check").err
