"""`befit audit search` and `befit audit export`: which decisions, and all that proves them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from befit.catalog import Workspace
from befit.cli.options import (
    DATA_CLASSES,
    example,
    json_option,
    whole_path,
    workspace_option,
)
from befit.cli.output import moment, money, print_json, say, table
from befit.cli.progress import shown_progress
from befit.cli.session import perform

F = TypeVar("F", bound=Callable[..., Any])  # a command, whatever its options

_HEADINGS = ("decision", "opened", "who", "workflow", "model", "class", "status", "cost")


class _Row(msgspec.Struct):
    """What is printed of one decision."""

    decision_id: str
    opened_at: float
    status: str
    principal_id: str | None = None
    workflow: str | None = None
    model: str | None = None
    data_class: str | None = None
    cost_usd: float | None = None


class _Found(msgspec.Struct):
    decisions: list[_Row]
    next: str | None = None


class _Exported(msgspec.Struct):
    decisions: int
    events: int
    erased_events: int
    record: str


def filter_options(function: F) -> F:
    """Which decisions are meant."""
    for option in reversed(
        (
            click.option("--who", metavar="WHO", help="A principal's id, a key's, or a name."),
            click.option("--workflow", metavar="NAME", help="Asked of this workflow."),
            click.option("--model", metavar="NAME", help="Called this model, first or later."),
            click.option("--class", "data_class", type=click.Choice(DATA_CLASSES)),
            click.option("--status", metavar="WORD", help="answered, refused, pending_person, .."),
            click.option("--since", metavar="7d|DATE", help="Opened from then on."),
            click.option("--until", metavar="DATE", help="Opened before."),
            click.option("--denied", is_flag=True, help="Refused by policy."),
        )
    ):
        function = option(function)
    return function


@click.command(
    epilog=example(
        "befit audit search --who alice --since 7d",
        "befit audit search --class restricted --denied --json",
    )
)
@filter_options
@click.option("--limit", default=50, show_default=True, help="The most to show.")
@click.option("--before", metavar="ID", help="The page behind this decision; see `next`.")
@json_option
@workspace_option
def search(workspace: Workspace, as_json: bool, **asked: object) -> None:
    """Find decisions by who asked, what and when; newest first.

    Reading what others asked is recorded in the ledger.
    """
    document = perform(workspace, "decisions.list", asked)
    if as_json:
        print_json(document)
        return
    found = msgspec.convert(document, _Found)
    if not found.decisions:
        say("no such decision")
        return
    click.echo(table(_HEADINGS, [_cells(row) for row in found.decisions]))
    if found.next:
        say(f"more: --before {found.next}")


@click.command(
    epilog=example(
        "befit audit export --since 2026-01-01 --until 2026-04-01 --out first-quarter",
        "befit audit export --who alice --out alice.jsonl --json",
    )
)
@filter_options
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="A folder to be made, or a file ending in .jsonl.",
)
@json_option
@workspace_option
def export(workspace: Workspace, out: Path, as_json: bool, **asked: object) -> None:
    """Write decisions as JSON Lines, each event with its receipt and opened fields.

    The files are for you alone, and appear whole or not at all. The export is recorded in the
    ledger.
    """
    with shown_progress() as progress:
        params = {**asked, "out": whole_path(out)}
        document = perform(workspace, "audit.export", params, progress=progress)
    if as_json:
        print_json(document)
        return
    told = msgspec.convert(document, _Exported)
    erased = f", {told.erased_events} of them erased" if told.erased_events else ""
    click.echo(
        f"{told.decisions} decisions with {told.events} events{erased} are in {out} "
        f"(recorded as {told.record})"
    )


def _cells(row: _Row) -> tuple[str, ...]:
    return (
        row.decision_id,
        moment(row.opened_at),
        row.principal_id or "-",
        row.workflow or "-",
        row.model or "-",
        row.data_class or "-",
        row.status,
        money(row.cost_usd),
    )
