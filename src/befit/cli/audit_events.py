"""`befit audit events`, and what `befit audit show` prints of one: who did what, and when."""

from __future__ import annotations

import click
import msgspec

from befit.catalog import Workspace
from befit.cli.options import example, json_option, workspace_option
from befit.cli.output import Document, moment, one_line, print_json, say, table
from befit.cli.session import perform

ADMINISTRATIVE = "admin_"
"""What the ids of administrative events begin with."""

_HEADINGS = ("event", "when", "by", "action", "subject")
_LABEL = 11


class _Row(msgspec.Struct):
    id: str
    at: float
    action: str | None
    subject: str | None
    by: str | None


class _Found(msgspec.Struct):
    events: list[_Row]
    next: str | None = None


class _Event(_Row):
    told: dict[str, object]
    policy: str
    log: str
    index: int


@click.command(
    epilog=example(
        "befit audit events --since 7d", "befit audit events --action exported --by alice --json"
    )
)
@click.option("--action", metavar="WORD", help="exported, keys_destroyed, decision_read, ..")
@click.option("--by", metavar="WHO", help="Who did it: a principal's id, a key's, or a name.")
@click.option("--since", metavar="7d|DATE", help="From then on.")
@click.option("--until", metavar="DATE", help="Before.")
@click.option("--limit", default=50, show_default=True, help="The most to show.")
@click.option("--before", metavar="ID", help="The page behind this event; see `next`.")
@json_option
@workspace_option
def events(workspace: Workspace, as_json: bool, **asked: object) -> None:
    """List who changed or read what, apart from any decision; newest first."""
    document = perform(workspace, "events.list", asked)
    if as_json:
        print_json(document)
        return
    found = msgspec.convert(document, _Found)
    if found.events:
        click.echo(table(_HEADINGS, [_cells(row) for row in found.events]))
    else:
        say("no such event here" if found.next else "no such event")
    if found.next:
        say(f"more: --before {found.next}")


def event_report(document: Document) -> str:
    """One administrative event in words."""
    event = msgspec.convert(document, _Event)
    lines = [
        f"Event {event.id}: {event.action or 'erased'}",
        _line("by", event.by or "unknown"),
        _line("when", moment(event.at)),
        _line("subject", event.subject or "unknown"),
        *(_line(name, _worded(value)) for name, value in event.told.items()),
        _line("policy", event.policy or "none"),
        _line("ledger", f"log {event.log}, event {event.index}; befit audit prove {event.id}"),
    ]
    return "\n".join(lines)


def _cells(row: _Row) -> tuple[str, ...]:
    return (row.id, moment(row.at), row.by or "-", row.action or "-", row.subject or "-")


def _worded(value: object) -> str:
    return one_line(value if isinstance(value, str) else msgspec.json.encode(value).decode())


def _line(label: str, text: str) -> str:
    return f"  {label:<{_LABEL}} {text}"
