"""`befit evaluate WORKFLOW --cases F`: models measured on one's own cases."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec
from rich.console import Console

from befit.catalog import Workspace
from befit.cli.options import (
    cases_option,
    class_option,
    example,
    json_option,
    names_of,
    whole_path,
    workspace_option,
)
from befit.cli.output import one_line, print_json, say
from befit.cli.progress import shown_progress
from befit.cli.session import perform
from befit.evaluation import EvaluationDocument, print_evaluation


class _Excluded(msgspec.Struct):
    """What is said beside the table."""

    decision_id: str
    excluded: dict[str, str]
    warnings: list[str]


@click.command(
    epilog=example(
        "befit evaluate triage --cases held-out.jsonl --models triage-specialist,smollm2-135m"
    )
)
@click.argument("workflow")
@cases_option
@click.option("--models", default="", metavar="A,B", help="Which; default: the workflow's own.")
@class_option
@json_option
@workspace_option
def command(
    workspace: Workspace,
    workflow: str,
    cases: Path,
    models: str,
    data_class: str | None,
    as_json: bool,
) -> None:
    """Measure models on your own cases and name the smallest that meets the workflow's bar.

    Every case goes through the workflow's own instructions, permits and budgets, all of them
    under one decision. What is measured counts as evidence from then on.
    """
    params = {
        "workflow": workflow,
        "cases": whole_path(cases),
        "models": names_of(models),
        "data_class": data_class,
    }
    with shown_progress() as progress:
        document = perform(workspace, "evaluate", params, progress=progress)
    beside = msgspec.convert(document, _Excluded)
    for model, reason in beside.excluded.items():
        say(f"not measured: {model}: {one_line(reason)}")
    for warning in beside.warnings:
        say(f"warning: {warning}")
    if as_json:
        print_json(document)
        return
    print_evaluation(msgspec.convert(document, EvaluationDocument), Console())
    say(f"decision {beside.decision_id}")
