"""`befit knowledge remove`: taking documents away, once somebody has agreed to what goes."""

from __future__ import annotations

import click
import msgspec

from befit.catalog import Workspace
from befit.cli.options import example, json_option, workspace_option
from befit.cli.output import agreed, counted, print_json
from befit.cli.passages import plain
from befit.cli.progress import shown_progress
from befit.cli.session import perform


class _Removal(msgspec.Struct):
    """What is printed of a removal, or of what one would take away."""

    collection: str
    documents: int


@click.command(
    "remove",
    epilog=example(
        "befit knowledge remove policies/travel.pdf",
        "befit knowledge remove --collection handbook --yes",
    ),
)
@click.argument("doc_id", metavar="[DOC]", required=False)
@click.option("--collection", metavar="NAME", help="All of this collection, or its DOC.")
@click.option("--yes", is_flag=True, help="Remove without asking.")
@json_option
@workspace_option
def remove(
    workspace: Workspace, doc_id: str | None, collection: str | None, yes: bool, as_json: bool
) -> int:
    """Take a document away, or a collection with all it holds.

    It goes at once and for everybody. What its source still has, the next ingest brings back. You
    are asked for your yes; without a terminal or --yes the answer is no.
    """
    if doc_id is None and collection is None:
        raise click.UsageError("name a document, or a --collection")
    params = {"doc_id": doc_id, "collection": collection}
    if not yes:
        asked = {**params, "dry_run": True}
        would = msgspec.convert(perform(workspace, "knowledge.remove", asked), _Removal)
        told = f"{_what(doc_id, would)} would go, for everybody"
        if not agreed(told, "Remove?", otherwise="nothing was removed"):
            return 1
    with shown_progress() as progress:
        document = perform(workspace, "knowledge.remove", params, progress=progress)
    removed = msgspec.convert(document, _Removal)
    if as_json:
        print_json(removed)
    else:
        click.echo(f"{_what(doc_id, removed)} removed")
    return 0


def _what(doc_id: str | None, removal: _Removal) -> str:
    if doc_id is not None:
        return plain(f"document {doc_id} of collection {removal.collection}")
    return f"collection {removal.collection} with {counted(removal.documents, 'document')}"
