"""`befit audit erase` and `befit audit retain`: destroying the keys of what was sealed."""

from __future__ import annotations

import click
import msgspec

from befit.catalog import Workspace
from befit.cli.options import example, json_option, workspace_option
from befit.cli.output import agreed, print_json, say, table
from befit.cli.session import perform


class _Erased(msgspec.Struct):
    pseudonym: str
    keys: list[str]
    rows: int
    records: list[str]


class _Due(msgspec.Struct):
    data_class: str
    month: str
    keys: int


class _Retained(msgspec.Struct):
    dry_run: bool
    kept_days: dict[str, int]
    due: list[_Due]
    rows: int


@click.command(
    epilog=example("befit audit erase --who alice", "befit audit erase --who key:K1A2 --yes")
)
@click.option("--who", required=True, metavar="WHO", help="A principal's id, or a person's name.")
@click.option("--yes", is_flag=True, help="Erase without asking.")
@json_option
@workspace_option
def erase(workspace: Workspace, who: str, yes: bool, as_json: bool) -> int:
    """Erase a person: destroy every key that their data was sealed under.

    It cannot be undone. The ledger still verifies, and records which keys were destroyed. You
    are asked for your yes; without a terminal or --yes the answer is no.
    """
    told = f"every key of {who} is destroyed, and nothing brings back what they sealed"
    if not (yes or agreed(told, "Erase?", otherwise="nothing was erased")):
        return 1
    document = perform(workspace, "audit.erase", {"who": who})
    if as_json:
        print_json(document)
        return 0
    erased = msgspec.convert(document, _Erased)
    click.echo(
        f"{len(erased.keys)} keys of {who} are destroyed and {erased.rows} rows cleared; the "
        f"ledger names them {erased.pseudonym} (recorded as {', '.join(erased.records)})"
    )
    return 0


@click.command(epilog=example("befit audit retain --dry-run", "befit audit retain --json"))
@click.option("--dry-run", is_flag=True, help="Say what would be destroyed, and stop.")
@json_option
@workspace_option
def retain(workspace: Workspace, dry_run: bool, as_json: bool) -> None:
    """Destroy what has been kept as long as `audit.retention` in befit.yaml says.

    A running server does it once a day.
    """
    document = perform(workspace, "audit.retain", {"dry_run": dry_run})
    if as_json:
        print_json(document)
        return
    told = msgspec.convert(document, _Retained)
    if not told.kept_days:
        say("everything is kept: befit.yaml sets no audit.retention")
        return
    if not told.due:
        click.echo("nothing is due")
        return
    click.echo(
        table(
            ("class", "month", "would go" if told.dry_run else "destroyed"),
            [(each.data_class, each.month, f"{each.keys} keys") for each in told.due],
        )
    )
