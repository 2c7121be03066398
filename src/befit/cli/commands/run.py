"""`befit run WORKFLOW --input JSON`: one run, its output on stdout."""

from __future__ import annotations

from typing import cast

import click
import msgspec

from befit.catalog import Workspace
from befit.cli.options import class_option, example, json_option, text_of, workspace_option
from befit.cli.output import one_line, print_json, say
from befit.cli.session import perform


class _Refusal(msgspec.Struct):
    message: str


class _Run(msgspec.Struct):
    """What is printed of a run's document."""

    run_id: str
    decision_id: str
    status: str
    output: object
    model: str | None = None
    approval_id: str | None = None
    error: _Refusal | None = None


@click.command(
    epilog=example(
        """befit run triage --input '"I was charged twice"'""",
        """befit run invoice --input '{"customer": 7, "text": "Where is it?"}' --json""",
    )
)
@click.argument("workflow")
@click.option(
    "--input",
    "given",
    required=True,
    metavar="JSON",
    help="A text or an object, as the workflow's input schema wants it; - reads stdin.",
)
@click.option("--model", help="One model alone.")
@class_option
@click.option("--as", "acting_as", metavar="USER[:GROUP,GROUP..]", help="Run as this reader.")
@json_option
@workspace_option
def command(
    workspace: Workspace,
    workflow: str,
    given: str,
    model: str | None,
    data_class: str | None,
    acting_as: str | None,
    as_json: bool,
) -> int:
    """Run a workflow on one input.

    Exits 0 when there is an output or a person decides on it, and 1 when it was refused.
    """
    document = perform(
        workspace,
        "run",
        {
            "workflow": workflow,
            "input": _input(text_of(given)),
            "model": model,
            "data_class": data_class,
        },
        acting_as=acting_as,
    )
    done = msgspec.convert(document, _Run)
    if as_json:
        print_json(document)
    elif done.output is not None:
        click.echo(_text(done.output))
    if done.error is not None:
        say(f"befit: {one_line(done.error.message)} (decision {done.decision_id})")
    elif done.approval_id is not None:
        say(f"waits for a person: befit approvals show {done.approval_id} · {done.run_id}")
    else:
        say(f"{done.model or 'no model'} · {done.run_id} · {done.decision_id}")
    return 0 if done.status in {"answered", "pending_person"} else 1


def _input(given: str) -> str | dict[str, object]:
    """JSON where it is a text or an object; anything else is meant as a text."""
    try:
        read: object = msgspec.json.decode(given)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return given
    if isinstance(read, dict):
        return cast("dict[str, object]", read)
    return read if isinstance(read, str) else given


def _text(output: object) -> str:
    if isinstance(output, str):
        return output
    return msgspec.json.format(msgspec.json.encode(output), indent=2).decode()
