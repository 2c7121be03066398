"""`befit detect F`: what a file's texts hold, and the class that it asks for."""

from __future__ import annotations

import importlib
from pathlib import Path

import click
import msgspec

from befit.catalog import Workspace
from befit.cli.options import (
    example,
    json_option,
    text_of,
    whole_path,
    workspace_folder_option,
)
from befit.cli.output import Document, print_json, say, table
from befit.cli.progress import shown_progress
from befit.cli.session import perform

_OPERATIONS = "befit.gateway.operations"


class _Span(msgspec.Struct):
    start: int
    end: int
    type: str
    score: float


class _Result(msgspec.Struct):
    id: str
    data_class: str
    tags: list[str]
    spans: list[_Span]


class _Detected(msgspec.Struct):
    """What is printed of a detection."""

    results: list[_Result]
    decision_id: str | None
    failed: dict[str, str]


@click.command(
    epilog=example(
        "befit detect mail.jsonl --json > found.json",
        "echo 'card 4111 1111 1111 1111' | befit detect -",
    )
)
@click.argument("file")
@json_option
@workspace_folder_option
def command(folder: Path, file: str, as_json: bool) -> int:
    """Find what is sensitive in texts: cards, accounts, ids, secrets, addresses.

    FILE is JSON Lines (.jsonl, .ndjson, also .gz), {"text"} or {"input"} a line with an "id" or
    without, or any other text, which is one row; - reads standard input. Without --json: one
    line a finding, with its place and type, never its value. Exit code 1 where a row could not
    be examined; it then counts as restricted. Where there is no workspace and none is named,
    nothing is recorded.
    """
    document = _detected(folder, file)
    found = msgspec.convert(document, _Detected)
    if as_json:
        print_json(document)
    else:
        _show(found)
    for row, why in found.failed.items():
        say(f"row {row}: not examined, so it counts as restricted: {why}")
    spans = sum(len(result.spans) for result in found.results)
    account = f"decision {found.decision_id}" if found.decision_id else "no workspace, no decision"
    say(f"{spans} found in {len(found.results)} rows · {account}")
    return 1 if found.failed else 0


def _detected(folder: Path, file: str) -> Document:
    is_input = file == "-"
    if folder == Path() and not Workspace(folder).config_file.is_file():
        content = text_of("-") if is_input else ""
        # Imported only here: beside a server, none of it is needed.
        operations = importlib.import_module(_OPERATIONS)
        document = operations.detect_at_hand(None if is_input else Path(file), content)
        at_hand: dict[str, object] = msgspec.to_builtins(document)
        return at_hand
    params = {"content": text_of("-")} if is_input else {"file": whole_path(Path(file))}
    with shown_progress() as progress:
        return perform(Workspace.at(folder), "detect", params, progress=progress)


def _show(found: _Detected) -> None:
    lines = [
        (result.id, f"{span.start}-{span.end}", span.type, f"{span.score:.2f}", result.data_class)
        for result in found.results
        for span in result.spans
    ]
    if lines:
        click.echo(table(("row", "place", "type", "score", "class of the row"), lines))
