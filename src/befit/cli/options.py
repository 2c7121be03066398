"""Options that several commands share, and what they turn into."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, TypeVar

import click

from befit.catalog import Workspace
from befit.errors import InvalidRequest

F = TypeVar("F", bound=Callable[..., Any])  # a command, whatever its options

_WORKSPACE_HELP = "The workspace's folder; default: the current one, or BEFIT_WORKSPACE."


class _Usd(click.ParamType[Decimal]):
    """An amount of USD, exact to its last digit."""

    name = "USD"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Decimal:
        """The amount; click tells what is none."""
        try:
            amount = Decimal(value)
        except InvalidOperation:
            self.fail(f"{value!r} is not an amount, such as 5 or 0.25", param, ctx)
        if not amount.is_finite() or amount < 0:
            self.fail(f"{value!r} is not an amount of zero or more", param, ctx)
        return amount


USD = _Usd()

DATA_CLASSES = ("public", "internal", "confidential", "restricted")
ROLES = ("user", "builder", "reviewer", "auditor", "admin")


def workspace_option(function: F) -> F:
    """`--workspace DIR`; the command gets a `Workspace`."""
    return click.option(
        "--workspace",
        "workspace",
        type=click.Path(path_type=Path),
        callback=_workspace,
        help=_WORKSPACE_HELP,
    )(function)


def workspace_folder_option(function: F) -> F:
    """`--workspace DIR`; the command gets a `Path`, whether a workspace is there or not."""
    return click.option(
        "--workspace",
        "folder",
        type=click.Path(path_type=Path),
        callback=_folder,
        help=_WORKSPACE_HELP,
    )(function)


def _workspace(ctx: click.Context, param: click.Parameter, given: Path | None) -> Workspace:
    return Workspace.at(_folder(ctx, param, given))


def _folder(ctx: click.Context, _param: click.Parameter, given: Path | None) -> Path:
    """The folder meant: the command's option, the group's, the environment's, or here."""
    named: Path | None = given or ctx.find_object(Path)
    return named or Path(os.environ.get("BEFIT_WORKSPACE") or ".")


def json_option(function: F) -> F:
    """`--json`: one JSON document on stdout."""
    return click.option(
        "--json", "as_json", is_flag=True, help="Print one JSON document on stdout."
    )(function)


def class_option(function: F) -> F:
    """`--class C`: the data class that the caller declares."""
    return click.option(
        "--class",
        "data_class",
        type=click.Choice(DATA_CLASSES),
        help="The data class of the content; it can only raise the workflow's.",
    )(function)


def cases_option(function: F) -> F:
    """`--cases F`: an existing file of cases."""
    return click.option(
        "--cases",
        required=True,
        type=click.Path(path_type=Path),
        help='JSON Lines, also .gz: {"input", "expected"} or {"text", "label"} a line.',
    )(function)


def asking_options(function: F) -> F:
    """What `ask`, `route` and `check` know of a request."""
    for option in reversed(
        (
            click.option("--workflow", help="The workflow; default: the nearest by meaning."),
            click.option("--model", help="One model alone: no route, no fallback, no person."),
            click.option("--collection", help="Answer from this collection of documents."),
            class_option,
            click.option(
                "--tag", "tags", multiple=True, help="What the content carries: pii, phi, pci, .."
            ),
            click.option(
                "--as",
                "acting_as",
                metavar="USER[:GROUP,GROUP..]",
                help="Ask as this reader, without the administrator's rights.",
            ),
        )
    ):
        function = option(function)
    return function


def text_of(argument: str) -> str:
    """An argument's text; `-` reads standard input.

    Raises:
        InvalidRequest: standard input is no UTF-8 text.
    """
    if argument != "-":
        return argument
    try:
        return sys.stdin.buffer.read().decode().rstrip("\n")
    except UnicodeDecodeError:
        raise InvalidRequest("standard input is not UTF-8 text") from None


def names_of(given: str) -> tuple[str, ...]:
    """The names of an option that takes `A,B`."""
    return tuple(name.strip() for name in given.split(",") if name.strip())


def whole_path(path: Path) -> str:
    """A path as another process finds it."""
    return str(path.expanduser().resolve())


def example(*lines: str) -> str:
    """A command's epilog: how it is used."""
    return "\b\nExample:\n" + "\n".join(f"  {line}" for line in lines)
