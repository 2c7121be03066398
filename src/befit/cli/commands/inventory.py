"""`befit inventory`: what there is, whose it is, and where it stands."""

from __future__ import annotations

import click
import msgspec

from befit.catalog import Workspace, short_digest
from befit.cli.options import example, json_option, workspace_option
from befit.cli.output import moment, print_json, say, table
from befit.cli.session import perform


class _Measured(msgspec.Struct):
    workflow: str
    model: str
    is_current: bool
    n: int
    score: float


class _Model(msgspec.Struct):
    name: str
    owner: str
    stage: str
    version: str
    zone: str
    jurisdiction: str | None
    licence: str | None
    evaluations: list[_Measured]
    last_used_at: float | None


class _Workflow(msgspec.Struct):
    name: str
    owner: str
    stage: str
    version: str
    impact: str
    highest_class: str
    last_used_at: float | None


class _Policy(msgspec.Struct):
    name: str
    packaged: bool
    rules: list[str]


class _Collection(msgspec.Struct):
    name: str
    owner: str
    data_class: str
    version: int
    documents: int
    passages: int


class _Keys(msgspec.Struct):
    all: int
    active: int


class _Inventory(msgspec.Struct):
    """What is printed of the inventory."""

    tenant: str
    activation: str
    policy_version: str
    models: list[_Model]
    workflows: list[_Workflow]
    policies: list[_Policy]
    collections: list[_Collection]
    keys: _Keys


@click.command(epilog=example("befit inventory", "befit inventory --json > inventory.json"))
@json_option
@workspace_option
def command(workspace: Workspace, as_json: bool) -> None:
    """List models, workflows, policies and collections with owner, stage, version and last use.

    With --json in a stable order and with every hash in full: what compliance evidence is made
    from.
    """
    document = perform(workspace, "inventory", {})
    if as_json:
        print_json(document)
        return
    found = msgspec.convert(document, _Inventory)
    click.echo(_models(found.models))
    click.echo("\n" + _workflows(found.workflows))
    click.echo("\n" + _policies(found.policies))
    if found.collections:
        click.echo("\n" + _collections(found.collections))
    click.echo(f"\nkeys: {found.keys.active} active of {found.keys.all}")
    say(f"tenant {found.tenant} · activation {found.activation} · policy {found.policy_version}")


def _models(models: list[_Model]) -> str:
    headings = (
        "model",
        "owner",
        "stage",
        "version",
        "zone",
        "where",
        "licence",
        "measured",
        "used",
    )
    rows = [
        (
            each.name,
            each.owner or "-",
            each.stage,
            short_digest(each.version),
            each.zone,
            each.jurisdiction or "-",
            each.licence or "-",
            _measured(each.evaluations),
            moment(each.last_used_at),
        )
        for each in models
    ]
    return table(headings, rows)


def _measured(evaluations: list[_Measured]) -> str:
    """Figures of what has changed since are shown as such, never as what holds now."""
    shown = [
        f"{each.workflow} {each.score:.3f} (n={each.n}{'' if each.is_current else ', outdated'})"
        for each in evaluations
    ]
    return ", ".join(shown) or "-"


def _workflows(workflows: list[_Workflow]) -> str:
    headings = ("workflow", "owner", "stage", "version", "impact", "up to", "used")
    rows = [
        (
            each.name,
            each.owner or "-",
            each.stage,
            short_digest(each.version),
            each.impact,
            each.highest_class,
            moment(each.last_used_at),
        )
        for each in workflows
    ]
    return table(headings, rows)


def _policies(policies: list[_Policy]) -> str:
    rows = [
        (each.name, "packaged" if each.packaged else "own", str(len(each.rules)))
        for each in policies
    ]
    return table(("policy", "from", "rules"), rows)


def _collections(collections: list[_Collection]) -> str:
    rows = [
        (
            each.name,
            each.owner or "-",
            each.data_class,
            str(each.version),
            str(each.documents),
            str(each.passages),
        )
        for each in collections
    ]
    headings = ("collection", "owner", "from", "version", "documents", "passages")
    return table(headings, rows)
