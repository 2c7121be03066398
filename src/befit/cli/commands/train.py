"""`befit train NAME --cases F`: a specialist from one's own cases."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from befit.catalog import Workspace
from befit.cli.options import (
    cases_option,
    class_option,
    example,
    json_option,
    whole_path,
    workspace_option,
)
from befit.cli.output import milliseconds, print_json, say
from befit.cli.progress import shown_progress
from befit.cli.session import perform


class _Trained(msgspec.Struct):
    """What is said of a trained specialist."""

    workflow: str
    model: str
    artefact: str
    decision_id: str
    is_new_workflow: bool
    n: int
    accuracy: float
    interval: tuple[float, float]
    majority: float
    oos_recall: float | None
    folds: int
    p95_ms: float
    seconds: float
    stage: str
    files: list[str]
    warnings: list[str]


@click.command(epilog=example("befit train triage --cases tickets.jsonl"))
@click.argument("name")
@cases_option
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Draws the folds."
)
@class_option
@json_option
@workspace_option
def command(
    workspace: Workspace,
    name: str,
    cases: Path,
    seed: int,
    data_class: str | None,
    as_json: bool,
) -> None:
    """Train a specialist from your own cases, on this machine.

    It becomes the first model of workflow NAME at once, unless its score out of fold misses the
    workflow's quality bar: then it is proposed, and what serves now goes on. Where there is no
    such workflow, one is written from the cases. Cases with the label `oos` teach it when to
    abstain.
    """
    params = {"name": name, "cases": whole_path(cases), "seed": seed, "data_class": data_class}
    with shown_progress() as progress:
        document = perform(workspace, "train", params, progress=progress)
    if as_json:
        print_json(document)
        return
    trained = msgspec.convert(document, _Trained)
    low, high = trained.interval
    for warning in trained.warnings:
        say(f"warning: {warning}")
    click.echo(
        f"{trained.model}: {trained.accuracy:.3f} [{low:.3f}, {high:.3f}] of {trained.n} cases out "
        f"of fold ({trained.folds} folds; always the most frequent label: {trained.majority:.3f})"
    )
    if trained.oos_recall is not None:
        click.echo(f"out of scope: it abstains from {trained.oos_recall:.3f} of such cases")
    click.echo(f"latency: p95 {milliseconds(trained.p95_ms)}; trained in {trained.seconds:.1f} s")
    click.echo(f"written: {', '.join(trained.files)}")
    if trained.stage != "approved":
        say(f"{trained.workflow} does not use it yet · decision {trained.decision_id}")
        return
    made = "a new workflow" if trained.is_new_workflow else "first in its workflow"
    say(f"{trained.workflow} ({made}) uses it from now on · decision {trained.decision_id}")
    say(f"try: befit ask --workflow {trained.workflow} 'TEXT'")
