"""`befit access WHO`: what somebody may reach, and by which rule."""

from __future__ import annotations

import click
import msgspec

from befit.catalog import Workspace
from befit.cli.options import example, json_option, workspace_option
from befit.cli.output import one_line, print_json, say, table
from befit.cli.session import perform


class _Who(msgspec.Struct):
    kind: str
    id: str
    name: str
    tenant: str
    roles: list[str]
    groups: list[str]
    workflows: list[str]
    notes: list[str]


class _Reach(msgspec.Struct):
    data_class: str
    form: str | None
    rules: list[str]
    reasons: list[str]


class _Row(msgspec.Struct):
    """What is printed of one model for one workflow."""

    workflow: str | None
    model: str
    zone: str
    raw_up_to: str | None
    usable_up_to: str | None
    unattended_up_to: str | None
    classes: list[_Reach]


class _Action(msgspec.Struct):
    action: str
    on: str
    permitted: bool
    rules: list[str]


class _Access(msgspec.Struct):
    who: _Who
    policy: str
    rows: list[_Row]
    actions: list[_Action]


@click.command(
    epilog=example("befit access me", "befit access mara", "befit access role:auditor --json")
)
@click.argument("who", default="me")
@click.option(
    "--tag", "tags", multiple=True, help="What the content carries besides: pii, phi, pci, .."
)
@click.option(
    "--as",
    "acting_as",
    metavar="USER[:GROUP,GROUP..]",
    help="Ask as this reader, without the administrator's rights.",
)
@json_option
@workspace_option
def command(
    workspace: Workspace, who: str, tags: tuple[str, ...], acting_as: str | None, as_json: bool
) -> None:
    """Show what WHO may reach, and by which rule.

    WHO is `me`, a person's name or id, a key's id, `group:NAME` or `role:NAME`. Every workflow,
    model and class is put to the policy in force, as a request would be: `raw` is the class up
    to which content goes as it is, `usable` counts what goes redacted too, `alone` is the class
    up to which an answer goes out without a person.
    """
    document = perform(workspace, "access", {"who": who, "tags": tags}, acting_as=acting_as)
    if as_json:
        print_json(document)
        return
    access = msgspec.convert(document, _Access)
    _print_who(access.who)
    _print_rows(access.rows)
    _print_actions(access.actions)
    say(f"policy {access.policy}")


def _print_who(who: _Who) -> None:
    roles = ", ".join(who.roles) or "none"
    groups = ", ".join(who.groups) or "none"
    click.echo(f"{who.name} ({who.id}, tenant {who.tenant}): roles {roles}; groups {groups}")
    if who.workflows:
        click.echo(f"limited to workflows {', '.join(who.workflows)}")
    for note in who.notes:
        click.echo(f"note: {note}")


def _print_rows(rows: list[_Row]) -> None:
    shown = [
        (
            row.workflow or "(model named)",
            row.model,
            row.zone,
            row.raw_up_to or "no",
            row.usable_up_to or "no",
            row.unattended_up_to or "no",
            _deciding(row),
        )
        for row in rows
    ]
    headings = ("workflow", "model", "zone", "raw", "usable", "alone", "by")
    click.echo("\n" + table(headings, shown))


def _deciding(row: _Row) -> str:
    """The rules that stop the first class that may not go; else those that let the last go."""
    stopped = next((reach for reach in row.classes if reach.form is None), None)
    if stopped is None:
        return ", ".join(row.classes[-1].rules)
    return f"{stopped.data_class}: {one_line('; '.join(stopped.reasons), most=160)}"


def _print_actions(actions: list[_Action]) -> None:
    permitted = [each for each in actions if each.permitted]
    if not permitted:
        click.echo("\nnothing beside asking is permitted")
        return
    rows = [(each.action, each.on, ", ".join(each.rules)) for each in permitted]
    click.echo("\n" + table(("may", "on", "by"), rows))
