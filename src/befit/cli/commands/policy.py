"""`befit policy`: the rules in force, a company's table of decisions, and what changes would do."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from befit.catalog import Catalog, Workspace, problems_as_error
from befit.cli.options import example, json_option, whole_path, workspace_option
from befit.cli.output import moment, one_line, print_json, say, table
from befit.cli.progress import shown_progress
from befit.cli.session import perform
from befit.errors import InvalidRequest, WorkspaceError
from befit.policy import Difference, Policy, differences, read_expectations
from befit.settings import examine_workspace


class DifferenceDocument(msgspec.Struct, kw_only=True):
    """One row of the table that does not hold."""

    row: str
    line: int | None
    expected: str
    found: str | None
    rules: tuple[str, ...]
    sentence: str


class TestDocument(msgspec.Struct, kw_only=True):
    """What `policy test --json` prints."""

    ok: bool
    policy: str
    rows: int
    differences: list[DifferenceDocument]


class _Rule(msgspec.Struct):
    id: str
    effect: str
    actions: list[str] | None
    reason: str | None
    file: str
    line: int
    text: str


class _Policy(msgspec.Struct):
    policy: str
    packaged: list[str]
    rules: list[_Rule]


class _Change(msgspec.Struct):
    decision_id: str
    at: float | None
    who: str | None
    workflow: str | None
    model: str
    answered: bool
    before: str
    after: str
    rules: list[str]


class _Group(msgspec.Struct):
    workflow: str | None
    model: str
    before: str
    after: str
    rules: list[str]
    decisions: int
    people: int


class _Simulation(msgspec.Struct):
    policy: str
    decisions: int
    replayed: int
    changed: int
    unknown_policy: int
    groups: list[_Group]
    changes: list[_Change]


@click.group(epilog=example("befit policy test expected.yaml", "befit policy simulate --since 7d"))
def command() -> None:
    """Show the rules in force, test your own table of decisions, and try changes out."""


@command.command(name="list", epilog=example("befit policy list"))
@json_option
@workspace_option
def list_rules(workspace: Workspace, as_json: bool) -> None:
    """List the rules in force, packaged ones included, with where they stand."""
    document = perform(workspace, "policy.show", {})
    if as_json:
        print_json(document)
        return
    found = msgspec.convert(document, _Policy)
    rows = [
        (rule.id, rule.effect, ", ".join(rule.actions or ["every action"]), _place(rule))
        for rule in found.rules
    ]
    click.echo(table(("rule", "effect", "actions", "file"), rows))
    say(f"policy {found.policy}; packaged: {', '.join(found.packaged) or 'none'}")


@command.command(epilog=example("befit policy show sovereignty/restricted-inside"))
@click.argument("rule_id", metavar="RULE")
@json_option
@workspace_option
def show(workspace: Workspace, rule_id: str, as_json: bool) -> None:
    """Show one rule as it was written."""
    found = msgspec.convert(perform(workspace, "policy.show", {}), _Policy)
    rule = next((rule for rule in found.rules if rule.id == rule_id), None)
    if rule is None:
        raise InvalidRequest(f"no rule {rule_id!r}", next_step="befit policy list names them all")
    if as_json:
        print_json(rule)
        return
    click.echo(f"// {_place(rule)}\n{rule.text}")


@command.command(epilog=example("befit policy test expected.yaml"))
@click.argument("file", type=click.Path(path_type=Path))
@json_option
@workspace_option
def test(workspace: Workspace, file: Path, as_json: bool) -> int:
    """Check your own table of expected decisions against the workspace's rules.

    FILE is YAML or JSON Lines. The rules are taken from the files as they are now, whether a
    server has taken them up or not. Exits 1 and names each row that does not hold.
    """
    policy, catalog = _as_written(workspace)
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise InvalidRequest(f"{file} cannot be read ({error.strerror})") from None
    rows, problems = read_expectations(file.name, raw)
    if problems:
        raise problems_as_error(problems)
    found = list(differences(rows, policy, catalog))
    if as_json:
        document = TestDocument(
            ok=not found,
            policy=policy.hash,
            rows=len(rows),
            differences=[_difference(each) for each in found],
        )
        print_json(document)
    else:
        for each in found:
            click.echo(f"{file.name}, {each.row.title}: {each.sentence}")
        say(f"{len(rows) - len(found)} of {len(rows)} expectations hold")
    return 1 if found else 0


@command.command(epilog=example("befit policy simulate --since 7d --policies draft/"))
@click.option("--since", required=True, help="From when: 7d, 24h, 2026-01-31 or Unix seconds.")
@click.option(
    "--policies",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="DIR",
    help="Rules that stand for the workspace's own; default: its files as they are now.",
)
@json_option
@workspace_option
def simulate(workspace: Workspace, since: str, policies: Path | None, as_json: bool) -> None:
    """Put recorded decisions to changed rules: what would change, and for whom.

    Nothing is taken up. Each decision is compared with the rules that it was made under.
    """
    params = {"since": since, "policies": whole_path(policies) if policies else None}
    with shown_progress() as progress:
        document = perform(workspace, "policy.simulate", params, progress=progress)
    if as_json:
        print_json(document)
        return
    _print(msgspec.convert(document, _Simulation))


def _as_written(workspace: Workspace) -> tuple[Policy, Catalog]:
    examination = examine_workspace(workspace)
    if examination.problems:
        raise problems_as_error(examination.problems)
    if examination.rules is None or examination.catalog is None:
        raise WorkspaceError(f"{workspace.root} has no rules", next_step="befit check says why")
    return Policy(examination.rules), examination.catalog


def _difference(difference: Difference) -> DifferenceDocument:
    said = difference.said
    return DifferenceDocument(
        row=difference.row.title,
        line=difference.row.line,
        expected=difference.row.expectation.expect,
        found=said.outcome if said else None,
        rules=said.rule_ids if said else (),
        sentence=difference.sentence,
    )


def _place(rule: _Rule) -> str:
    return f"{rule.file}:{rule.line}"


def _print(found: _Simulation) -> None:
    if found.groups:
        rows = [
            (
                group.workflow or "-",
                group.model,
                f"{group.before} -> {group.after}",
                ", ".join(group.rules),
                str(group.decisions),
                str(group.people),
            )
            for group in found.groups
        ]
        click.echo(table(("workflow", "model", "change", "rule", "decisions", "people"), rows))
        click.echo()
        one_by_one = [
            (
                each.decision_id,
                moment(each.at),
                each.who or "-",
                each.workflow or "-",
                each.model + (" (answered)" if each.answered else ""),
                f"{each.before} -> {each.after}",
                one_line(", ".join(each.rules), most=60),
            )
            for each in found.changes
        ]
        headings = ("decision", "at", "who", "workflow", "model", "change", "rule")
        click.echo(table(headings, one_by_one))
    say(
        f"{found.changed} of {found.replayed} decisions would change under policy {found.policy}"
        f" ({found.decisions - found.replayed} of {found.decisions} tell no situation)"
    )
    if found.unknown_policy:
        say(f"{found.unknown_policy} were compared with the rules in force: theirs are not kept")
