"""`python -m befit.cli.reference`: writes docs/reference/cli.md from the commands' own help.

A test compares the page with what this program would write, so the two cannot differ.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from befit.cli.main import befit

PAGE = Path("docs/reference/cli.md")

_WIDTH = 100

_INTRODUCTION = """\
# The command line

Written by `python -m befit.cli.reference` from each command's `--help`.

- The workspace is the current folder, or `--workspace DIR`, or `BEFIT_WORKSPACE`.
- Beside a running `befit serve` a command is performed by the server; without one it opens the
  workspace itself, under its lock. Both print the same.
- `--json` prints one JSON document on stdout; logs, progress and errors go to stderr.
- Exit codes: 0 done; 1 the thing asked for is not so (refused, not found, not whole); 2 wrong
  use; 130 interrupted. An error is one line: what, which, what next.
- Questions are asked on a terminal. Without one, or `--yes`, the answer is no.
"""


def reference_page() -> str:
    """The whole page as Markdown."""
    with befit.make_context(
        "befit", ["--help"], resilient_parsing=True, terminal_width=_WIDTH
    ) as root:
        sections = "\n".join(_sections(befit, root, depth=2))
    return f"{_INTRODUCTION}\n{sections}"


def main() -> None:
    """Write the page; the working directory is the repository's root."""
    PAGE.write_text(reference_page())
    sys.stderr.write(f"wrote {PAGE}\n")


def _sections(command: click.Command, context: click.Context, *, depth: int) -> Iterator[str]:
    yield f"{'#' * depth} {context.command_path}\n\n```text\n{command.get_help(context)}\n```\n"
    if not isinstance(command, click.Group):
        return
    for name in command.list_commands(context):
        child = command.get_command(context, name)
        if child is not None:
            with child.make_context(name, [], parent=context, resilient_parsing=True) as below:
                yield from _sections(child, below, depth=min(depth + 1, 4))


if __name__ == "__main__":
    main()
