"""What is said of a model or a workflow that was let serve, retired or brought back."""

from __future__ import annotations

import click
import msgspec

from befit.catalog import Workspace, short_digest
from befit.cli.output import Document, print_json, say
from befit.cli.session import perform


class _Act(msgspec.Struct):
    """What is printed of an act's document."""

    kind: str
    name: str
    stage: str
    release: str
    changed: bool
    event: str | None
    evidence: dict[str, str]
    file: str | None
    warnings: list[str]


release_option = click.option(
    "--release",
    metavar="sha256:..",
    help="Refuse if the file stands for another release than this one now.",
)


def act(
    workspace: Workspace, operation: str, name: str, *, as_json: bool, release: str | None = None
) -> None:
    """Perform one lifecycle operation and say where the item stands now."""
    named = {} if release is None else {"release": release}
    document = perform(workspace, operation, {"name": name, **named})
    if as_json:
        print_json(document)
    else:
        _tell(document)


def _tell(document: Document) -> None:
    told = msgspec.convert(document, _Act)
    already = "" if told.changed else " already; nothing was changed"
    click.echo(
        f"{told.kind} {told.name} is {told.stage}{already} (release {short_digest(told.release)})"
    )
    behind = ", ".join(f"{name}: {kind}" for name, kind in told.evidence.items())
    if behind and told.stage == "approved":
        say(f"what stands behind it: {behind}")
    for warning in told.warnings:
        say(f"warning: {warning}")
    if told.event is not None:
        where = f", written to {told.file}" if told.file else ""
        say(f"recorded as {told.event}{where}")
