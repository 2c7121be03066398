"""`befit route TEXT`: which model would answer, and why each other would not."""

from __future__ import annotations

import click
import msgspec

from befit.catalog import Workspace
from befit.cli.options import asking_options, example, json_option, text_of, workspace_option
from befit.cli.output import Document, print_json
from befit.cli.route_report import RouteView, route_report
from befit.cli.session import perform


@click.command(
    epilog=example("befit route 'I was charged twice' --explain", "befit route - --json < mail.txt")
)
@click.argument("text")
@click.option("--explain", is_flag=True, help="Show every model and why it is in or out.")
@asking_options
@json_option
@workspace_option
def command(
    workspace: Workspace,
    text: str,
    explain: bool,
    workflow: str | None,
    model: str | None,
    collection: str | None,
    data_class: str | None,
    tags: tuple[str, ...],
    acting_as: str | None,
    as_json: bool,
) -> int:
    """Show which model would answer, and why, without calling one.

    TEXT may be `-` to read standard input. Matching a text to a workflow by meaning embeds it
    on this machine. Exits 1 when nobody could answer.
    """
    document: Document = perform(
        workspace,
        "route",
        {
            "text": text_of(text),
            "workflow": workflow,
            "model": model,
            "collection": collection,
            "data_class": data_class,
            "tags": tags,
        },
        acting_as=acting_as,
    )
    view = msgspec.convert(document, RouteView)
    if as_json:
        print_json(document)
    else:
        click.echo(route_report(view, every_model=explain))
    return 0 if view.status in {"answered", "pending_person"} else 1
