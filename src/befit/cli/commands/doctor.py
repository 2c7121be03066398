"""`befit doctor`: machine, weights, workspace and model servers, and what to do."""

from __future__ import annotations

import os
from pathlib import Path

import click

from befit.cli.finding import Finding, State
from befit.cli.findings import find_all
from befit.cli.options import example, json_option, workspace_folder_option
from befit.cli.output import print_json, say
from befit.cli.session import run

_MARKS = {State.OK: "+", State.NOTE: "~", State.PROBLEM: "!"}


@click.command(epilog=example("befit doctor", "befit doctor --json"))
@click.option("--external", is_flag=True, help="Ask the servers of external models too.")
@json_option
@workspace_folder_option
def command(folder: Path, external: bool, as_json: bool) -> int:
    """Look at machine, weights, workspace and model servers.

    Contacted are loopback's usual ports and the servers that models of the workspace name,
    external ones only with --external; they are asked to list their models and nothing else.
    Exits 1 on any problem (!).
    """
    findings = run(find_all(folder, os.environ, external=external))
    problems = sum(finding.state is State.PROBLEM for finding in findings)
    if as_json:
        print_json({"ok": not problems, "findings": findings})
    else:
        for finding in findings:
            _print(finding)
        say(f"{problems} problem(s)" if problems else "no problem found")
    return 1 if problems else 0


def _print(finding: Finding) -> None:
    click.echo(f"{_MARKS[finding.state]} {finding.subject}: {finding.detail}")
    if finding.next_step:
        click.echo(f"    {finding.next_step}")
