"""`befit knowledge why DOC`: whether somebody may read a document, and by what."""

from __future__ import annotations

import click
import msgspec

from befit.catalog import Workspace
from befit.cli.options import example, json_option, workspace_option
from befit.cli.output import print_json, say
from befit.cli.passages import plain
from befit.cli.session import perform


class _Passages(msgspec.Struct):
    count: int


class _Why(msgspec.Struct):
    """What is printed of an explanation."""

    doc_id: str
    collection: str
    reader: str
    name: str
    groups: list[str]
    notes: list[str]
    allowed: bool
    because: str
    path: list[str]
    readable: int
    passages: list[_Passages]


@click.command(
    "why",
    epilog=example(
        "befit knowledge why salaries.md --as mara:hr",
        "befit knowledge why policies/travel.pdf --collection handbook --as person:P3Q4 --json",
    ),
)
@click.argument("doc_id", metavar="DOC")
@click.option("--collection", metavar="NAME", help="Where several have a document of that name.")
@click.option(
    "--as",
    "reader",
    metavar="USER[:GROUP,GROUP..]",
    help="Whose rights it is about: a person or key that is kept here, with the groups of now, or "
    "any name with groups as given. Default: yours.",
)
@json_option
@workspace_option
def why(
    workspace: Workspace, doc_id: str, collection: str | None, reader: str | None, as_json: bool
) -> int:
    """Say why somebody can or cannot read a document.

    DOC is what its source calls it, as results and citations do. Exits 0 where they may read it,
    or some of its passages, and 1 where not.
    """
    params = {"doc_id": doc_id, "collection": collection, "reader": reader}
    document = perform(workspace, "knowledge.why", params)
    found = msgspec.convert(document, _Why)
    if as_json:
        print_json(document)
    else:
        _show(found)
    return 0 if found.allowed else 1


def _show(found: _Why) -> None:
    verb = "may read" if found.allowed else "may not read"
    count = sum(each.count for each in found.passages)
    some = f"{found.readable} of the {count} passages of " if 0 < found.readable < count else ""
    what = f"{some}{found.doc_id} ({found.collection})"
    click.echo(plain(f"{found.name} {verb} {what}: {found.because}"))
    for step in found.path:
        click.echo(plain(f"  {step}"))
    for note in found.notes:
        say(plain(f"note: {note}"))
    say(plain(f"{found.reader}, groups {', '.join(found.groups) or 'none'}"))
