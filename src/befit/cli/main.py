"""`befit`: the group of commands, and the boundary where errors become exit codes."""

from __future__ import annotations

import gc
import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from befit.cli.output import fail, say
from befit.cli.standpoint import TENANT
from befit.errors import BefitError, nearest
from befit.vocabulary import DEFAULT_TENANT

COMMANDS = {
    "demo": "Show the central claim on a fictional company's tickets.",
    "init": "Write a workspace that runs as it is.",
    "check": "Check the workspace's files; say who may use what, and why.",
    "doctor": "Look at machine, weights, workspace and model servers.",
    "pull": "Bring the weights of the embedded models into your cache.",
    "serve": "Serve the OpenAI-compatible endpoint.",
    "ask": "Ask once and print the answer.",
    "run": "Run a workflow on one input.",
    "route": "Show which model would answer, and why.",
    "ingest": "Take documents into a collection.",
    "knowledge": "Keep collections and their index; see who may read what, and try it.",
    "search": "Search the documents that you may read.",
    "feedback": "Say what an answer was worth; take it as evaluation cases.",
    "evaluate": "Measure models on your own cases.",
    "train": "Train a specialist from your own cases.",
    "predict": "Label many texts with a workflow's specialist.",
    "detect": "Find what is sensitive in texts: cards, ids, secrets, addresses.",
    "models": "List and add models; let them serve, retire them, bring former ones back.",
    "workflows": "List and show workflows; let them serve, or retire them.",
    "access": "Who may reach what, and by which rule.",
    "inventory": "What there is: models, workflows, policies, with owner, stage and version.",
    "approvals": "Decide on answers that wait for a person.",
    "policy": "Show, test and try out the rules of who may do what.",
    "audit": "Show, search and prove decisions; verify the ledger and keep it.",
    "keys": "Create, list and revoke API keys.",
    "people": "Keep people: who they are and what they may do.",
    "groups": "Keep groups of people and services.",
    "usage": "What was used, by whom, and what it saved.",
}

_INTERRUPTED = 130


class _LazyGroup(click.Group):
    """Imports a command's file only when that command is called, so that `--help` is quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"befit.cli.commands.{cmd_name}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, without importing any of them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click, with the nearest command where there is none of that name."""
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            hint = nearest(args[0], COMMANDS) or "see befit --help"
            raise click.UsageError(f"no command {args[0]!r}; {hint}", ctx)
        return super().resolve_command(ctx, args)


@click.group(
    cls=_LazyGroup,
    context_settings={"max_content_width": 100},
    epilog="\b\nExample:\n  befit init work && cd work && befit ask 'Hello'",
)
@click.option(
    "--workspace",
    type=click.Path(path_type=Path),
    help="The workspace's folder; default: the current one, or BEFIT_WORKSPACE.",
)
@click.option(
    "--tenant",
    envvar="BEFIT_TENANT",
    metavar="NAME",
    help="The tenant to act in; default: default, or BEFIT_TENANT.",
)
@click.version_option(package_name="befit", prog_name="befit")
@click.pass_context
def befit(ctx: click.Context, workspace: Path | None, tenant: str | None) -> None:
    """Put the right model on each task, with a receipt for every decision."""
    ctx.obj = workspace
    ctx.meta[TENANT] = tenant or DEFAULT_TENANT


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit: 0 done, 1 the thing asked for is not so, 2 wrong use."""
    gc.set_threshold(20_000, 20, 50)  # what a command loads stays: looking through it finds nothing
    try:
        code: Any = befit.main(arguments, standalone_mode=False)  # the command's own return value
    except BefitError as error:
        sys.exit(fail(error))
    except click.ClickException as error:
        sys.exit(_wrong_use(error))
    except (KeyboardInterrupt, click.Abort):
        say("befit: interrupted")
        sys.exit(_INTERRUPTED)
    except BrokenPipeError:
        # The reader of our output has left; nothing is wrong that anybody could still read of.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:  # noqa: BLE001 - the process boundary: one line for people
        sys.exit(_unforeseen(error))
    sys.exit(code if isinstance(code, int) else 0)


def _wrong_use(error: click.ClickException) -> int:
    """One line; click's own would be three. Without any command there is help to give."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message(), err=True)
        return 2
    message = " ".join(error.format_message().split()).rstrip(".")
    say(f"befit: {message[:1].lower()}{message[1:]}" + _where_to_look(context, message))
    return 2


def _where_to_look(context: click.Context | None, message: str) -> str:
    return f"; see {context.command_path} --help" if context and "; " not in message else ""


def _unforeseen(error: Exception) -> int:
    if os.environ.get("BEFIT_DEBUG"):
        traceback.print_exception(error)
    say(
        f"befit: Befit failed for a reason of its own ({type(error).__name__}: {error}); "
        "BEFIT_DEBUG=1 shows where: please report it"
    )
    return 1
