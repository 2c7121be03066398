"""`befit audit`: show a decision; verify the ledger."""

from __future__ import annotations

import asyncio
import importlib

import click
import msgspec

from befit.audit import DecisionRecord
from befit.catalog import Workspace
from befit.cli.decision_report import decision_report
from befit.cli.options import example, json_option, workspace_option
from befit.cli.output import Document, print_json
from befit.cli.session import perform, run, server_if_any

_AT_REST = "befit.cli.ledger_at_rest"


class _Verified(msgspec.Struct):
    """What is printed of a verification's document."""

    ok: bool
    events: int
    decisions: int
    root: str
    problems: list[str]
    erased: int = 0


@click.group(epilog=example("befit audit show dec_0192..", "befit audit verify"))
def command() -> None:
    """Show a decision; verify the ledger."""


@command.command(
    epilog=example("befit audit show dec_0192..", "befit audit show run_0192.. --json")
)
@click.argument("decision_id", metavar="ID")
@json_option
@workspace_option
def show(workspace: Workspace, decision_id: str, as_json: bool) -> None:
    """Show one decision: who asked, what was considered, called, checked and decided.

    ID is a decision's or its run's.
    """
    document = perform(workspace, "decisions.show", {"id": decision_id})
    if as_json:
        print_json(document)
    else:
        click.echo(decision_report(msgspec.convert(document, DecisionRecord, strict=False)))


@command.command(name="verify", epilog=example("befit audit verify --json"))
@json_option
@workspace_option
def verify_ledger(workspace: Workspace, as_json: bool) -> int:
    """Re-read every byte of the ledger; exits 1 on any difference. Writes nothing.

    Beside a running server it reads up to what is durable.
    """
    document = run(_verified(workspace))
    found = msgspec.convert(document, _Verified)
    if as_json:
        print_json(document)
        return 0 if found.ok else 1
    for problem in found.problems:
        click.echo(f"problem: {problem}")
    state = "whole" if found.ok else "NOT whole"
    erased = f", {found.erased} of them erased" if found.erased else ""
    click.echo(
        f"the ledger is {state}: {found.events} events{erased} of {found.decisions} decisions, "
        f"root {found.root}"
    )
    return 0 if found.ok else 1


async def _verified(workspace: Workspace) -> Document:
    client = await server_if_any(workspace)
    if client is not None:
        return await client.call("audit.verify", {})
    # What reads the database costs a tenth of a second to import, which `show` need not pay.
    verify_at_rest = importlib.import_module(_AT_REST).verify_at_rest
    document: Document = await asyncio.to_thread(verify_at_rest, workspace)
    return document
