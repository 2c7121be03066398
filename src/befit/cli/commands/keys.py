"""`befit keys`: create, list and revoke API keys."""

from __future__ import annotations

from decimal import Decimal

import click
import msgspec

from befit.catalog import Workspace, duration_s
from befit.cli.options import ROLES, USD, example, json_option, names_of, workspace_option
from befit.cli.output import moment, money, print_json, say, table
from befit.cli.session import perform


class _Key(msgspec.Struct):
    """What is printed of a key's document."""

    id: str
    name: str
    roles: list[str]
    workflows: list[str]
    groups: list[str]
    person: str | None
    budget_usd: float | None
    budget_period: str
    created_at: float
    expires_at: float | None
    revoked_at: float | None


class _Created(_Key):
    key: str


class _Keys(msgspec.Struct):
    keys: list[_Key]


@click.group(epilog=example("befit keys create ci --budget-usd 5 --expires 30d"))
def command() -> None:
    """Create, list and revoke API keys."""


def _duration(_ctx: click.Context, _param: click.Parameter, value: str | None) -> int | None:
    try:
        return None if value is None else duration_s(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@command.command(
    epilog=example(
        "befit keys create ci --budget-usd 5 --expires 30d --json",
        "befit keys create mara-laptop --person mara",
    )
)
@click.argument("name")
@click.option("--budget-usd", type=USD, help="The most it may cost in each period.")
@click.option(
    "--period",
    type=click.Choice(("total", "day", "month")),
    default="total",
    show_default=True,
    help="How long the budget lasts before it starts anew.",
)
@click.option("--expires", callback=_duration, metavar="30d", help="How long the key is good for.")
@click.option("--workflows", default="", metavar="A,B", help="Limit it to these workflows.")
@click.option("--groups", default="", metavar="A,B", help="The groups of the service it is for.")
@click.option("--person", metavar="NAME|ID", help="Whose it is; it carries their groups.")
@click.option(
    "--role",
    "roles",
    type=click.Choice(ROLES),
    multiple=True,
    default=("user",),
    show_default=True,
    help="What its holder may do; may be given several times.",
)
@json_option
@workspace_option
def create(
    workspace: Workspace,
    name: str,
    budget_usd: Decimal | None,
    period: str,
    expires: int | None,
    workflows: str,
    groups: str,
    person: str | None,
    roles: tuple[str, ...],
    as_json: bool,
) -> None:
    """Create a key and print it, this once.

    The key alone stands on stdout.
    """
    params = {
        "name": name,
        "roles": roles,
        "workflows": names_of(workflows),
        "groups": names_of(groups),
        "person": person,
        "budget_usd": budget_usd,
        "budget_period": period,
        "expires_in_s": expires,
    }
    document = perform(workspace, "keys.create", params)
    if as_json:
        print_json(document)
        return
    created = msgspec.convert(document, _Created)
    click.echo(created.key)
    say(f"key {created.id} for {created.name}: it is shown this once; send it as a Bearer token")


@command.command(name="list", epilog=example("befit keys list"))
@json_option
@workspace_option
def list_keys(workspace: Workspace, as_json: bool) -> None:
    """List keys, revoked and expired ones included."""
    document = perform(workspace, "keys.list", {})
    if as_json:
        print_json(document)
        return
    found = msgspec.convert(document, _Keys).keys
    if not found:
        say("there are no keys; make one with: befit keys create NAME")
        return
    rows = [
        (
            key.id,
            key.name,
            key.person or "-",
            ",".join(key.roles),
            ",".join(key.workflows) or "all",
            "none" if key.budget_usd is None else f"{money(key.budget_usd)}/{key.budget_period}",
            moment(key.expires_at) if key.expires_at else "never",
            "revoked" if key.revoked_at else "active",
        )
        for key in found
    ]
    click.echo(
        table(("id", "name", "person", "roles", "workflows", "budget", "expires", "state"), rows)
    )


@command.command(epilog=example("befit keys revoke K7Q2M4X9PA3B"))
@click.argument("key_id", metavar="ID")
@json_option
@workspace_option
def revoke(workspace: Workspace, key_id: str, as_json: bool) -> None:
    """Revoke a key for good; the next request with it is refused."""
    document = perform(workspace, "keys.revoke", {"id": key_id})
    if as_json:
        print_json(document)
        return
    key = msgspec.convert(document, _Key)
    click.echo(f"key {key.id} ({key.name}) is revoked")
