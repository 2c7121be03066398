"""`befit workflows`: list and show workflows, let them serve, retire them."""

from __future__ import annotations

import click
import msgspec

from befit.catalog import Workspace, short_digest
from befit.cli.lifecycle_report import act, release_option
from befit.cli.options import example, json_option, workspace_option
from befit.cli.output import moment, print_json, say, table
from befit.cli.session import perform


class _Act(msgspec.Struct):
    stage: str
    by: str | None
    at: float


class _Workflow(msgspec.Struct):
    """What is printed of a workflow's document."""

    name: str
    description: str
    owner: str
    stage: str
    stage_reason: str | None
    awaits_activation: bool
    version: str
    impact: str
    data_class: str | None
    highest_class: str
    tags: list[str]
    purposes: list[str]
    tenants: list[str]
    models: list[str]
    evidence: dict[str, str]
    last_act: _Act | None = None


class _Workflows(msgspec.Struct):
    workflows: list[_Workflow]


@click.group(epilog=example("befit workflows list", "befit workflows activate triage"))
def command() -> None:
    """List and show workflows; let them serve, or retire them."""


@command.command(name="list", epilog=example("befit workflows list --json"))
@json_option
@workspace_option
def list_workflows(workspace: Workspace, as_json: bool) -> None:
    """List the workflows: their stage, version, impact, and what stands behind their models."""
    document = perform(workspace, "workflows.list", {})
    if as_json:
        print_json(document)
        return
    found = msgspec.convert(document, _Workflows).workflows
    if not found:
        say("there are no workflows; write one as workflows/NAME.yaml")
        return
    rows = [
        (
            each.name,
            each.stage,
            short_digest(each.version),
            each.impact,
            each.owner or "-",
            ", ".join(f"{name}: {kind}" for name, kind in each.evidence.items()) or "-",
        )
        for each in found
    ]
    click.echo(table(("workflow", "stage", "version", "impact", "owner", "evidence"), rows))
    for each in found:
        if each.awaits_activation:
            say(f"note: {each.stage_reason}")


@command.command(epilog=example("befit workflows show triage"))
@click.argument("name")
@json_option
@workspace_option
def show(workspace: Workspace, name: str, as_json: bool) -> None:
    """Show one workflow as it is in force."""
    document = perform(workspace, "workflows.show", {"name": name})
    if as_json:
        print_json(document)
        return
    shown = msgspec.convert(document, _Workflow)
    for label, value in _lines(shown):
        click.echo(f"{label + ':':<14}{value}")


def _lines(shown: _Workflow) -> list[tuple[str, str]]:
    least = shown.data_class or "as declared"
    evidence = ", ".join(f"{name}: {kind}" for name, kind in shown.evidence.items())
    lines = [
        ("workflow", shown.name),
        ("description", shown.description or "-"),
        ("owner", shown.owner or "-"),
        ("stage", shown.stage if shown.stage_reason is None else shown.stage_reason),
        ("version", shown.version),
        ("impact", shown.impact),
        ("data class", f"{least}, at most {shown.highest_class}"),
        ("tags", ", ".join(shown.tags) or "-"),
        ("purposes", ", ".join(shown.purposes) or "any"),
        ("tenants", ", ".join(shown.tenants) or "all"),
        ("models", ", ".join(shown.models) or "left to the router"),
        ("evidence", evidence or "-"),
    ]
    if shown.last_act is not None:
        last = shown.last_act
        lines.append(
            ("last act", f"{last.stage} by {last.by or 'another tenant'}, {moment(last.at)}")
        )
    return lines


@command.command(epilog=example("befit workflows activate triage"))
@click.argument("name")
@release_option
@json_option
@workspace_option
def activate(workspace: Workspace, name: str, release: str | None, as_json: bool) -> None:
    """Let a workflow serve exactly as its file stands now.

    Its file then says `stage: approved`; the ledger records who did it, of which release, and
    what stood behind its models.
    """
    act(workspace, "workflows.activate", name, as_json=as_json, release=release)


@command.command(epilog=example("befit workflows retire triage"))
@click.argument("name")
@json_option
@workspace_option
def retire(workspace: Workspace, name: str, as_json: bool) -> None:
    """Stop a workflow for good; requests for it are refused with the reason."""
    act(workspace, "workflows.retire", name, as_json=as_json)
