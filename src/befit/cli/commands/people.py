"""`befit people`: who somebody is and what they may do."""

from __future__ import annotations

import click
import msgspec

from befit.catalog import Workspace
from befit.cli.options import ROLES, example, json_option, workspace_option
from befit.cli.output import Document, moment, print_json, say, table
from befit.cli.session import perform


class _Subject(msgspec.Struct):
    issuer: str
    sub: str


class _Person(msgspec.Struct):
    """What is printed of a person's document."""

    id: str
    name: str
    email: str | None
    roles: list[str]
    groups: list[str]
    subjects: list[_Subject]
    created_at: float
    disabled_at: float | None

    @property
    def state(self) -> str:
        return f"disabled {moment(self.disabled_at)}" if self.disabled_at else "active"


class _People(msgspec.Struct):
    people: list[_Person]


_role = click.option(
    "--role",
    "roles",
    type=click.Choice(ROLES),
    multiple=True,
    help="What they may do; may be given several times.  [default: user]",
)
_email = click.option("--email", help="Their e-mail address; '' forgets it.")
_subject = click.option(
    "--subject",
    "subjects",
    nargs=2,
    multiple=True,
    metavar="ISSUER SUB",
    help="Who they are at an identity provider; may be given several times.",
)


@click.group(epilog=example("befit people add mara --role reviewer"))
def command() -> None:
    """Keep people: who they are and what they may do."""


@command.command(
    epilog=example(
        "befit people add mara --role user --role reviewer",
        "befit keys create mara-laptop --person mara",
    )
)
@click.argument("name")
@_role
@_email
@_subject
@json_option
@workspace_option
def add(
    workspace: Workspace,
    name: str,
    roles: tuple[str, ...],
    email: str | None,
    subjects: tuple[tuple[str, str], ...],
    as_json: bool,
) -> None:
    """Add a person."""
    params: dict[str, object] = {"name": name, "email": email, "subjects": _told(subjects)}
    if roles:
        params["roles"] = roles
    document = perform(workspace, "people.add", params)
    _print(document, as_json, "is added")


@command.command(name="list", epilog=example("befit people list"))
@json_option
@workspace_option
def list_people(workspace: Workspace, as_json: bool) -> None:
    """List people, the disabled included."""
    document = perform(workspace, "people.list", {})
    if as_json:
        print_json(document)
        return
    found = msgspec.convert(document, _People).people
    if not found:
        say("there are no people; add one with: befit people add NAME")
        return
    rows = [
        (
            person.name,
            ",".join(person.roles),
            ",".join(person.groups) or "-",
            person.email or "-",
            person.state,
        )
        for person in found
    ]
    click.echo(table(("name", "roles", "groups", "e-mail", "state"), rows))


@command.command(epilog=example("befit people show mara"))
@click.argument("who", metavar="NAME|ID")
@json_option
@workspace_option
def show(workspace: Workspace, who: str, as_json: bool) -> None:
    """Show a person."""
    document = perform(workspace, "people.show", {"who": who})
    if as_json:
        print_json(document)
        return
    person = msgspec.convert(document, _Person)
    subjects = [f"{subject.sub} at {subject.issuer}" for subject in person.subjects]
    click.echo(f"{person.name} ({person.id})")
    click.echo(f"  roles     {', '.join(person.roles)}")
    click.echo(f"  groups    {', '.join(person.groups) or '-'}")
    click.echo(f"  e-mail    {person.email or '-'}")
    click.echo(f"  subjects  {', '.join(subjects) or '-'}")
    click.echo(f"  state     {person.state}")


@command.command(name="set", epilog=example("befit people set mara --role user --role auditor"))
@click.argument("who", metavar="NAME|ID")
@_role
@_email
@_subject
@click.option("--no-subjects", is_flag=True, help="Nobody at any identity provider any more.")
@json_option
@workspace_option
def set_person(
    workspace: Workspace,
    who: str,
    roles: tuple[str, ...],
    email: str | None,
    subjects: tuple[tuple[str, str], ...],
    no_subjects: bool,
    as_json: bool,
) -> None:
    """Change what is kept of a person; what is not given stays.

    Roles and subjects are replaced whole.
    """
    if subjects and no_subjects:
        raise click.UsageError("--subject and --no-subjects contradict each other")
    params: dict[str, object] = {"who": who, "email": email, "roles": roles or None}
    if subjects or no_subjects:
        params["subjects"] = _told(subjects)
    document = perform(workspace, "people.set", params)
    _print(document, as_json, "is changed")


@command.command(epilog=example("befit people disable mara"))
@click.argument("who", metavar="NAME|ID")
@json_option
@workspace_option
def disable(workspace: Workspace, who: str, as_json: bool) -> None:
    """Stop a person's keys and tokens at once."""
    document = perform(workspace, "people.set", {"who": who, "disabled": True})
    _print(document, as_json, "is disabled: no key or token of theirs is accepted")


@command.command(epilog=example("befit people enable mara"))
@click.argument("who", metavar="NAME|ID")
@json_option
@workspace_option
def enable(workspace: Workspace, who: str, as_json: bool) -> None:
    """Accept a disabled person's keys and tokens again."""
    document = perform(workspace, "people.set", {"who": who, "disabled": False})
    _print(document, as_json, "is enabled")


@command.command(epilog=example("befit people remove mara"))
@click.argument("who", metavar="NAME|ID")
@json_option
@workspace_option
def remove(workspace: Workspace, who: str, as_json: bool) -> None:
    """Forget a person for good and revoke their keys.

    What they have asked stays in the ledger under their id, which nobody is given again.
    """
    document = perform(workspace, "people.remove", {"who": who})
    _print(document, as_json, "is removed and their keys are revoked")


def _told(subjects: tuple[tuple[str, str], ...]) -> list[dict[str, str]]:
    return [{"issuer": issuer, "sub": sub} for issuer, sub in subjects]


def _print(document: Document, as_json: bool, what: str) -> None:
    if as_json:
        print_json(document)
        return
    person = msgspec.convert(document, _Person)
    click.echo(f"{person.name} ({person.id}) {what}")
