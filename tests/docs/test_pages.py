"""How examples are marked, and that the pages name only what the command line has."""

from __future__ import annotations

import importlib
import re
import shlex
import sys
from pathlib import Path

import click
import pytest

from tests.docs.pages import ROOT, fences, pages, runnable_blocks

LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")


def test_a_marked_fence_is_found_with_its_flags(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "<!-- run: heavy, exit 1 -->\n\n```bash\nfalse\n# -> no\n```\n\n```bash\nx\n```\n"
    )
    (block,) = runnable_blocks(page)
    assert (block.language, block.exit_code, block.expected) == ("bash", 1, ["no"])
    assert "heavy" in block.flags


@pytest.mark.parametrize("text", ["<!-- run: sometimes -->\n```bash\n```", "<!-- run -->\ntext"])
def test_a_mark_that_means_nothing_is_an_error(tmp_path: Path, text: str) -> None:
    page = tmp_path / "page.md"
    page.write_text(text)
    with pytest.raises(ValueError, match=r"page\.md:1"):
        runnable_blocks(page)


def test_links_between_pages_lead_somewhere() -> None:
    broken = [
        f"{page.relative_to(ROOT)} -> {target}"
        for page in pages()
        for target in LINK.findall(page.read_text(encoding="utf-8"))
        if not (page.parent / target).exists()
    ]
    assert not broken, "\n".join(["these links lead nowhere:", *broken])


def test_every_command_that_a_page_shows_exists_with_its_options() -> None:
    commands = _command_line()
    unknown = [
        f"{page.relative_to(ROOT)}:{number} {problem}"
        for page in pages()
        for number, line in fences(page)
        if (problem := _problem(commands, line))
    ]
    assert not unknown, "\n".join(["not on the command line:", *unknown])


def test_every_command_has_help_with_an_example() -> None:
    silent = [
        path
        for path, command in _leaves(_command_line(), "befit")
        if path not in command.get_help(click.Context(command, info_name=path)).partition("\n")[2]
    ]
    assert not silent, f"without an example in --help: {silent}"


def _command_line() -> click.Group:
    """The group that `befit` runs, wherever within befit.cli it is defined."""
    importlib.import_module("befit.cli")
    modules = [module for name, module in sys.modules.items() if name.startswith("befit.cli")]
    groups = [
        value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, click.Group) and value.name in {"befit", "main", "cli"}
    ]
    if not groups:
        pytest.skip("befit.cli defines no click group: nothing to compare the pages with")
    return groups[0]


def _subcommands(group: click.Group) -> dict[str, click.Command]:
    context = click.Context(group)
    named = [(name, group.get_command(context, name)) for name in group.list_commands(context)]
    return {name: command for name, command in named if command is not None}


def _leaves(group: click.Group, path: str) -> list[tuple[str, click.Command]]:
    found: list[tuple[str, click.Command]] = []
    for name, command in _subcommands(group).items():
        if isinstance(command, click.Group):
            found += _leaves(command, f"{path} {name}")
        else:
            found.append((f"{path} {name}", command))
    return found


def _problem(command: click.Command, line: str) -> str | None:
    """What a shown line says that the command line does not know."""
    try:
        words = shlex.split(line.removeprefix("$ "), comments=True)
    except ValueError:
        return None  # a quote that goes on in the next line
    if not words or words[0] != "befit":
        return None
    rest = words[1:]
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        found = command.get_command(click.Context(command), rest[0])
        if found is None:
            return f"no command `{' '.join(words[: len(words) - len(rest) + 1])}`"
        command, rest = found, rest[1:]
    options = [option for each in command.params for option in (*each.opts, *each.secondary_opts)]
    shown = [word.split("=")[0] for word in rest if word.startswith("--") and word != "--"]
    unknown = [option for option in shown if option not in {*options, "--help", "--version"}]
    return f"`befit {command.name}` has no {', '.join(unknown)}" if unknown else None
