"""`befit`: the group of commands, and the boundary where errors become exit codes."""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import click

from befit.cli.output import fail
from befit.errors import BefitError

_COMMANDS = {
    "demo": "Show the central claim on a fictional company's tickets.",
    "init": "Write a workspace that runs as it is.",
    "check": "Check the workspace's files; say who may use what, and why.",
    "doctor": "Look at machine, weights, workspace and model servers.",
    "pull": "Bring the weights of the embedded models into your cache.",
    "serve": "Serve the OpenAI-compatible endpoint.",
    "ask": "Ask once and print the answer.",
    "run": "Run a workflow on one input.",
    "route": "Show which model would answer, and why.",
    "evaluate": "Measure models on your own cases.",
    "train": "Train a specialist from your own cases.",
    "predict": "Label many texts with a workflow's specialist.",
    "models": "List and add models.",
    "approvals": "Decide on answers that wait for a person.",
    "audit": "Show a decision; verify the ledger.",
    "keys": "Create, list and revoke API keys.",
    "usage": "What was used, by whom, and what it saved.",
}


class _LazyGroup(click.Group):
    """Imports a command's file only when that command is called, so that `--help` is quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"befit.cli.commands.{cmd_name}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, without importing any of them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Start with: befit init work && cd work && befit ask 'Hello'",
)
@click.version_option(version("befit"), prog_name="befit")
def befit() -> None:
    """Put the right model on each task, with a receipt for every decision."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit: 0 done, 1 the thing asked for is not so, 2 wrong use."""
    try:
        code: Any = befit.main(arguments, standalone_mode=False)  # the command's own return value
    except BefitError as error:
        sys.exit(fail(error))
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (KeyboardInterrupt, click.Abort, asyncio.CancelledError):
        click.echo("befit: interrupted", err=True)
        sys.exit(130)
    except BrokenPipeError:
        # The reader of our output has left; nothing is wrong that anybody could still read of.
        sys.stderr.close()
        sys.exit(1)
    sys.exit(code if isinstance(code, int) else 0)
