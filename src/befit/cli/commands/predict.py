"""`befit predict WORKFLOW --cases F`: many texts labelled by the workflow's specialist."""

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
from befit.cli.output import print_json, say
from befit.cli.progress import shown_progress
from befit.cli.session import perform


class _Prediction(msgspec.Struct):
    id: str
    label: str
    confidence: float


class _Predictions(msgspec.Struct):
    """What is printed of predictions."""

    predictions: list[_Prediction]
    model: str
    evidence: str
    decision_id: str
    n: int
    abstained: int
    seconds: float


@click.command(epilog=example("befit predict triage --cases new.jsonl --json > labels.json"))
@click.argument("workflow")
@cases_option
@click.option(
    "--abstain",
    is_flag=True,
    help="Give up (label oos) where answers are more often wrong than right, though the "
    "specialist was trained without out-of-scope cases.",
)
@class_option
@json_option
@workspace_option
def command(
    workspace: Workspace,
    workflow: str,
    cases: Path,
    abstain: bool,
    data_class: str | None,
    as_json: bool,
) -> None:
    """Label many texts with a workflow's specialist, under one decision.

    The rows need no label of their own. Without --json: id, label and confidence, separated
    by tabs.
    """
    params = {
        "workflow": workflow,
        "cases": whole_path(cases),
        "abstain": abstain,
        "data_class": data_class,
    }
    with shown_progress() as progress:
        document = perform(workspace, "predict", params, progress=progress)
    found = msgspec.convert(document, _Predictions)
    if as_json:
        print_json(document)
    else:
        for row in found.predictions:
            click.echo(f"{row.id}\t{row.label}\t{row.confidence:.4f}")
    rate = found.n / found.seconds if found.seconds else 0.0
    say(
        f"{found.n} rows ({found.abstained} abstained) by {found.model}, evidence: "
        f"{found.evidence} · {rate:.0f} a second · decision {found.decision_id}"
    )
