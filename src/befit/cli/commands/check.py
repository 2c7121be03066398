"""`befit check`: every problem of the workspace's files, and a dry run of one request."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click
import msgspec

from befit.catalog import ActivationRule, Problem, Workspace
from befit.cli.options import asking_options, example, json_option, text_of, workspace_option
from befit.cli.output import print_json, say
from befit.cli.route_report import RouteView, route_report
from befit.cli.session import open_session, perform, run
from befit.settings import Examination, examine_workspace


class ProblemDocument(msgspec.Struct, kw_only=True):
    """One thing that is wrong: where, and what to do about it."""

    what: str
    file: str
    path: list[str | int]
    line: int | None
    next_step: str | None


class CheckDocument(msgspec.Struct, kw_only=True):
    """What `check --json` prints; `route` is there where a text was given.

    `waiting` names what the files call approved and nobody entitled has activated.
    """

    ok: bool
    problems: list[ProblemDocument]
    models: list[str]
    workflows: list[str]
    waiting: list[str]
    route: Mapping[str, object] | None = None


@click.command(
    epilog=example(
        "befit check", "befit check --as ann:sales --workflow triage --text 'I was charged twice'"
    )
)
@click.option(
    "--text", help="Dry-run this text: who may answer it, and who may not. - reads stdin."
)
@asking_options
@json_option
@workspace_option
def command(
    workspace: Workspace,
    text: str | None,
    acting_as: str | None,
    as_json: bool,
    **asked: str | tuple[str, ...] | None,
) -> int:
    """Check the workspace's files; say who may use what, and why.

    Lists every problem with its file, place, line and the nearest key. With --text it also
    says, for this caller and workflow, which models are eligible and why the others are not.
    Exits 1 on any problem.
    """
    if text is None and (acting_as or any(asked.values())):
        raise click.UsageError("what is asked needs a text: add --text TEXT")
    examination = examine_workspace(workspace)
    document = _document(examination)
    if examination.settings and examination.settings.activation is not ActivationRule.DECLARED:
        document.waiting = run(_waiting(workspace))
    if text is not None and document.ok:
        params = {"text": text_of(text), **asked}
        document.route = perform(workspace, "route", params, acting_as=acting_as)
    if as_json:
        print_json(document)
    else:
        _print(document, examination, workspace.root)
    return 0 if document.ok else 1


def _document(examination: Examination) -> CheckDocument:
    catalog = examination.catalog
    return CheckDocument(
        ok=not examination.problems,
        problems=[_problem(problem) for problem in examination.problems],
        models=sorted(catalog.cards) if catalog else [],
        workflows=sorted(catalog.workflows) if catalog else [],
        waiting=[],
    )


class _Item(msgspec.Struct):
    awaits_activation: bool
    stage_reason: str | None


class _Items(msgspec.Struct):
    models: list[_Item] = []
    workflows: list[_Item] = []


async def _waiting(workspace: Workspace) -> list[str]:
    """What waits for its activation: why, and the command that ends it."""
    found: list[_Item] = []
    async with open_session(workspace) as session:
        for operation in ("models.list", "workflows.list"):
            items = msgspec.convert(await session.call(operation, {}), _Items)
            found += [*items.models, *items.workflows]
    return [item.stage_reason or "" for item in found if item.awaits_activation]


def _problem(problem: Problem) -> ProblemDocument:
    return ProblemDocument(
        what=problem.what,
        file=problem.file,
        path=list(problem.path),
        line=problem.line,
        next_step=problem.next_step,
    )


def _print(document: CheckDocument, examination: Examination, root: Path) -> None:
    for problem in examination.problems:
        click.echo(str(problem))
    if not document.ok:
        say(f"befit: {len(document.problems)} problem(s) in {root}")
        return
    click.echo(f"models: {', '.join(document.models) or 'none'}")
    click.echo(f"workflows: {', '.join(document.workflows) or 'none'}")
    for reason in document.waiting:
        click.echo(f"not serving: {reason}")
    if document.route is not None:
        view = msgspec.convert(document.route, RouteView)
        click.echo("\n" + route_report(view, every_model=True))
    say("no problem found")
