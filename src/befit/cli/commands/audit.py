"""`befit audit`: show and prove decisions; verify the ledger."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Mapping
from pathlib import Path

import click
import msgspec

from befit.audit import DecisionRecord
from befit.catalog import Workspace
from befit.cli.audit_erasure import erase, retain
from befit.cli.audit_events import ADMINISTRATIVE, event_report, events
from befit.cli.audit_proofs import (
    checkpoint,
    checkpoints_of,
    prove,
    public_key,
    rotate_key,
    verifier,
)
from befit.cli.audit_search import export, search
from befit.cli.decision_report import decision_report
from befit.cli.options import example, json_option, workspace_option
from befit.cli.output import Document, print_json
from befit.cli.session import perform, run, server_if_any
from befit.errors import InvalidRequest

_AT_REST = "befit.cli.ledger_at_rest"
_REINDEXING = "befit.cli.reindexing"


class _Verified(msgspec.Struct):
    """What is printed of a verification's document."""

    ok: bool
    events: int
    decisions: int
    root: str
    problems: list[str]
    erased: int = 0
    unfinished: int = 0


class _Reindexed(msgspec.Struct):
    events: int
    found: list[str]
    record: str


@click.group(epilog=example("befit audit show dec_0192..", "befit audit verify"))
def command() -> None:
    """Show, search and prove decisions; verify the ledger and keep it."""


for _each in (
    checkpoint,
    prove,
    verifier,
    public_key,
    rotate_key,
    search,
    events,
    export,
    erase,
    retain,
):
    command.add_command(_each)


@command.command(
    epilog=example("befit audit show dec_0192..", "befit audit show run_0192.. --json")
)
@click.argument("decision_id", metavar="ID")
@json_option
@workspace_option
def show(workspace: Workspace, decision_id: str, as_json: bool) -> None:
    """Show one decision: who asked, what was considered, called, checked and decided.

    ID is a decision's or its run's, or an administrative event's: who did what, and when.
    """
    if decision_id.startswith(ADMINISTRATIVE):
        event = perform(workspace, "events.show", {"id": decision_id})
        if as_json:
            print_json(event)
        else:
            click.echo(event_report(event))
        return
    document = perform(workspace, "decisions.show", {"id": decision_id})
    if as_json:
        print_json(document)
    else:
        click.echo(decision_report(msgspec.convert(document, DecisionRecord, strict=False)))


@command.command(
    name="verify",
    epilog=example(
        "befit audit verify --json", "befit audit verify --from held.txt --public-key befit.pub"
    ),
)
@click.option(
    "--from",
    "held",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Checkpoints that you hold: the ledger must contain what each was signed for.",
)
@click.option(
    "--public-key",
    "given_key",
    metavar="TEXT|FILE",
    help="The ledger's public key as you hold it, instead of this machine's own.",
)
@json_option
@workspace_option
def verify_ledger(
    workspace: Workspace, held: Path | None, given_key: str | None, as_json: bool
) -> int:
    """Re-read every byte of the ledger; exits 1 on any difference. Writes nothing.

    Beside a running server it reads up to what is durable. With --from and --public-key nothing
    on this machine is taken on trust: a ledger that was cut off, put back to an older state or
    written anew since is found out.
    """
    key = None if given_key is None else _key_text(given_key)
    checkpoints = None if held is None else checkpoints_of(held)
    document = run(_verified(workspace, {"public_key": key, "checkpoints": checkpoints}))
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
    if found.unfinished:
        click.echo(
            f"{found.unfinished} decisions have no end, as a crash leaves them; the next start "
            "ends them"
        )
    return 0 if found.ok else 1


@command.command(epilog=example("befit audit reindex", "befit audit reindex --json"))
@json_option
@workspace_option
def reindex(workspace: Workspace, as_json: bool) -> None:
    """Make the database's index anew from the ledger; stop the server first.

    For an index that `befit audit verify` finds wrong. The ledger is verified before anything
    is changed, and the act is recorded in it.
    """
    document: Document = run(importlib.import_module(_REINDEXING).rebuild_index(workspace))
    if as_json:
        print_json(document)
        return
    told = msgspec.convert(document, _Reindexed)
    for wrong in told.found:
        click.echo(f"was wrong: {wrong}")
    click.echo(f"{told.events} events are indexed anew (recorded as {told.record})")


async def _verified(workspace: Workspace, start: Mapping[str, str | None]) -> Document:
    client = await server_if_any(workspace)
    if client is not None:
        return await client.call("audit.verify", start)
    # What reads the database costs a tenth of a second to import, which `show` need not pay.
    verify_at_rest = importlib.import_module(_AT_REST).verify_at_rest
    document: Document = await asyncio.to_thread(verify_at_rest, workspace, **start)
    return document


def _key_text(given: str) -> str:
    """A public key as text, or from the file that holds it."""
    path = Path(given)
    if "+" in given and not path.is_file():
        return given
    try:
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidRequest(
            f"{given!r} is neither a public key nor a file that holds one: {error}"
        ) from None
