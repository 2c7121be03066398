"""`befit groups`: named sets of people, keys and holders of tokens."""

from __future__ import annotations

import click
import msgspec

from befit.catalog import Workspace
from befit.cli.options import example, json_option, workspace_option
from befit.cli.output import Document, print_json, say, table
from befit.cli.session import perform


class _Member(msgspec.Struct):
    id: str
    name: str | None

    @property
    def shown(self) -> str:
        return self.name or self.id


class _Group(msgspec.Struct):
    """What is printed of a group's document."""

    name: str
    description: str
    created_at: float
    members: list[_Member]


class _Groups(msgspec.Struct):
    groups: list[_Group]


_MEMBER = "NAME|ID"


@click.group(
    epilog=example("befit groups add claims-desk", "befit groups add-member claims-desk mara")
)
def command() -> None:
    """Keep groups of people and services.

    A group holds principals, never groups. The group `everyone` holds all of a tenant by
    itself.
    """


@command.command(epilog=example("befit groups add claims-desk --description 'Settles claims'"))
@click.argument("name")
@click.option("--description", default="", help="What the group is for.")
@json_option
@workspace_option
def add(workspace: Workspace, name: str, description: str, as_json: bool) -> None:
    """Add a group without members."""
    document = perform(workspace, "groups.add", {"name": name, "description": description})
    _print(document, as_json, "is added")


@command.command(name="list", epilog=example("befit groups list"))
@json_option
@workspace_option
def list_groups(workspace: Workspace, as_json: bool) -> None:
    """List groups and how many are in each."""
    document = perform(workspace, "groups.list", {})
    if as_json:
        print_json(document)
        return
    found = msgspec.convert(document, _Groups).groups
    if not found:
        say("there are no groups; add one with: befit groups add NAME")
        return
    rows = [(group.name, str(len(group.members)), group.description) for group in found]
    click.echo(table(("name", "members", "description"), rows))


@command.command(epilog=example("befit groups show claims-desk"))
@click.argument("name")
@json_option
@workspace_option
def show(workspace: Workspace, name: str, as_json: bool) -> None:
    """Show a group and its members."""
    document = perform(workspace, "groups.show", {"name": name})
    if as_json:
        print_json(document)
        return
    group = msgspec.convert(document, _Group)
    click.echo(f"{group.name}: {group.description}" if group.description else group.name)
    for member in group.members:
        click.echo(f"  {member.shown}")


@command.command(
    name="add-member",
    epilog=example(
        "befit groups add-member claims-desk mara",
        "befit groups add-member claims-desk key:K7Q2M4X9PA3B",
    ),
)
@click.argument("name")
@click.argument("member", metavar=_MEMBER)
@json_option
@workspace_option
def add_member(workspace: Workspace, name: str, member: str, as_json: bool) -> None:
    """Put a person, a key or a token's holder into a group.

    A person is named by name or id, a key as key:ID, the holder of a token that is no
    person here as oidc:MARK:SUBJECT.
    """
    document = perform(workspace, "groups.add_member", {"name": name, "member": member})
    _print(document, as_json, f"holds {member}")


@command.command(
    name="remove-member", epilog=example("befit groups remove-member claims-desk mara")
)
@click.argument("name")
@click.argument("member", metavar=_MEMBER)
@json_option
@workspace_option
def remove_member(workspace: Workspace, name: str, member: str, as_json: bool) -> None:
    """Take somebody out of a group.

    It counts for their next request.
    """
    document = perform(workspace, "groups.remove_member", {"name": name, "member": member})
    _print(document, as_json, f"no longer holds {member}")


@command.command(epilog=example("befit groups remove claims-desk"))
@click.argument("name")
@json_option
@workspace_option
def remove(workspace: Workspace, name: str, as_json: bool) -> None:
    """Forget a group; nobody is in it any more."""
    document = perform(workspace, "groups.remove", {"name": name})
    _print(document, as_json, "is removed")


def _print(document: Document, as_json: bool, what: str) -> None:
    if as_json:
        print_json(document)
        return
    click.echo(f"group {msgspec.convert(document, _Group).name} {what}")
