"""`befit knowledge`: collections, their documents and the search index."""

from __future__ import annotations

import click
import msgspec

from befit.catalog import Workspace
from befit.cli.knowledge_leak_test import leak_test
from befit.cli.knowledge_remove import remove
from befit.cli.knowledge_why import why
from befit.cli.options import example, json_option, workspace_option
from befit.cli.output import counted, moment, print_json, say, table
from befit.cli.passages import plain
from befit.cli.progress import shown_progress
from befit.cli.session import perform


class _Figures(msgspec.Struct):
    owner: str
    data_class: str
    version: int
    documents: int
    passages: int


class _Collection(msgspec.Struct):
    name: str
    figures: _Figures | None


class _Collections(msgspec.Struct):
    collections: list[_Collection]
    notices: list[str]


class _Readers(msgspec.Struct):
    origin: str
    users: list[str]
    groups: list[str]
    deny_users: list[str]
    deny_groups: list[str]


class _Document(msgspec.Struct):
    """What is printed of a document."""

    doc_id: str
    collection: str
    title: str
    version: str
    source: str
    uri: str
    media_type: str
    data_class: str
    passages_class: str
    tags: list[str]
    metadata: dict[str, str]
    dated_s: int | None
    state: str
    length: int
    passages: int
    ingested_at: float
    decision_id: str
    readers: _Readers


_RULE = "rule:"
_SAID_BY = {
    "source": "as its source says",
    "unknown": "since its source could not tell",
    "none": "since neither its source nor a rule says more",
}

_NOT_COUNTED = (
    "the index holds what was written; its passages were not counted, for documents are on their "
    "way: an ingest is under way, or was cut off and is finished by the next"
)


class _Verified(msgspec.Struct):
    ok: bool
    problems: list[str]
    counted: bool


class _Rebuilt(msgspec.Struct):
    passages: int
    decision_id: str


@click.group(
    epilog=example(
        "befit knowledge list",
        "befit knowledge show policies/travel.pdf",
        "befit knowledge why salaries.md --as mara:hr",
    )
)
def command() -> None:
    """Keep collections and their search index; see who may read what, and try it.

    `befit ingest` takes documents in; knowledge/acl.yaml says who may read them.
    """


for _each in (why, remove, leak_test):
    command.add_command(_each)


@command.command("list", epilog=example("befit knowledge list --json"))
@json_option
@workspace_option
def list_(workspace: Workspace, as_json: bool) -> None:
    """List the collections.

    What is in each is shown to who administers it. Administrators are told which rules of
    knowledge/acl.yaml name a collection that there is not.
    """
    document = perform(workspace, "knowledge.list", {})
    if as_json:
        print_json(document)
        return
    found = msgspec.convert(document, _Collections)
    rows = [(each.name, *_figures(each.figures)) for each in found.collections]
    for notice in found.notices:
        say(f"note: {plain(notice)}")
    if not rows:
        say("no collection yet; befit ingest PATH --collection NAME makes one")
        return
    headings = ("collection", "owner", "class", "version", "documents", "passages")
    click.echo(table(headings, rows))


def _figures(found: _Figures | None) -> tuple[str, str, str, str, str]:
    if found is None:
        return ("", "", "", "", "")
    counts = (str(found.version), f"{found.documents:,}", f"{found.passages:,}")
    return (found.owner, found.data_class, *counts)


@command.command(epilog=example("befit knowledge show policies/travel.pdf --collection handbook"))
@click.argument("doc_id", metavar="DOC")
@click.option("--collection", metavar="NAME", help="Where several have a document of that name.")
@json_option
@workspace_option
def show(workspace: Workspace, doc_id: str, collection: str | None, as_json: bool) -> None:
    """Show where a document came from, and who may read it.

    DOC is what its source calls it, as results and citations do.
    """
    params = {"doc_id": doc_id, "collection": collection}
    document = perform(workspace, "knowledge.show", params)
    if as_json:
        print_json(document)
        return
    found = msgspec.convert(document, _Document)
    for name, value in _facts(found).items():
        if value:
            click.echo(f"{name:<11} {plain(value)}")


def _facts(found: _Document) -> dict[str, str]:
    readers = found.readers
    denied = ", ".join([*readers.deny_users, *(f"group {each}" for each in readers.deny_groups)])
    named = ", ".join([*readers.users, *(f"group {each}" for each in readers.groups)])
    length = counted(found.length, "character")
    higher = f"; in a passage {found.passages_class}"
    return {
        "document": f"{found.doc_id} ({found.version}, {found.state})",
        "title": found.title,
        "collection": found.collection,
        "source": found.source,
        "address": found.uri,
        "kind": f"{found.media_type}, {length}, {counted(found.passages, 'passage')}",
        "class": found.data_class + (higher if found.passages_class != found.data_class else ""),
        "tags": ", ".join(found.tags),
        "readers": f"{named or 'administrators only'}, {_said_by(readers.origin)}",
        "denied": denied,
        "metadata": ", ".join(f"{key}={value}" for key, value in found.metadata.items()),
        "dated": "" if found.dated_s is None else moment(found.dated_s),
        "taken in": f"{moment(found.ingested_at)}, decision {found.decision_id}",
    }


def _said_by(origin: str) -> str:
    """Who says who may read it, from where its access list comes from."""
    if origin.startswith(_RULE):
        return f"by the rule {origin.removeprefix(_RULE)} of knowledge/acl.yaml"
    return _SAID_BY.get(origin, origin)


@command.command(epilog=example("befit knowledge verify"))
@json_option
@workspace_option
def verify(workspace: Workspace, as_json: bool) -> int:
    """Read the whole search index and compare it with what is stored. Exits 1 where it differs."""
    document = perform(workspace, "knowledge.verify", {})
    found = msgspec.convert(document, _Verified)
    if as_json:
        print_json(document)
    elif found.ok:
        click.echo("the index holds what is stored" if found.counted else _NOT_COUNTED)
    for problem in found.problems:
        say(f"befit: {plain(problem)}")
    if not found.ok:
        say("befit knowledge rebuild, or the next ingest, builds it anew from what is stored")
    return 0 if found.ok else 1


@command.command(epilog=example("befit knowledge rebuild"))
@json_option
@workspace_option
def rebuild(workspace: Workspace, as_json: bool) -> None:
    """Build the search index anew from the stored texts.

    Searches go on meanwhile.
    """
    with shown_progress() as progress:
        document = perform(workspace, "knowledge.rebuild", {}, progress=progress)
    if as_json:
        print_json(document)
        return
    rebuilt = msgspec.convert(document, _Rebuilt)
    click.echo(f"the index was built anew: {counted(rebuilt.passages, 'passage')}")
    say(f"decision {rebuilt.decision_id}")
