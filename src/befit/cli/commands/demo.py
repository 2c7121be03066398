"""`befit demo`: the central claim, shown on a fictional company's tickets."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from befit.catalog import ModelCard
from befit.cli.demo import DemoPlan, play_demo
from befit.cli.demo.company import find_large
from befit.cli.options import example, json_option, workspace_folder_option
from befit.cli.output import print_json
from befit.cli.session import run


@click.command(
    epilog=example(
        "befit demo", "befit demo --large my-large-model", "befit demo --keep brambleloft"
    )
)
@click.option(
    "--large", metavar="NAME", help="Measure this card of your workspace beside the small models."
)
@click.option(
    "--keep",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Leave the demo's workspace in this new folder.",
)
@json_option
@workspace_folder_option
def command(large: str | None, keep: Path | None, as_json: bool, folder: Path) -> None:
    """Play the scenes: small where it is proven, large where breadth is needed, people at the end.

    A workspace of its own is made and deleted again. Nothing leaves this machine, unless
    --large names a model that is elsewhere: it then gets the demo's invented tickets.
    """
    card: ModelCard | None = find_large(large, folder) if large else None
    console = Console(stderr=as_json)
    document = run(play_demo(DemoPlan(large=card, keep=keep), console))
    if as_json:
        print_json(document)
