"""`befit knowledge leak-test`: whether anybody sees what they may not, tried out."""

from __future__ import annotations

import importlib
from pathlib import Path

import click
import msgspec

from befit.catalog import Workspace
from befit.cli.options import example, json_option, workspace_folder_option
from befit.cli.output import counted, milliseconds, print_json, say, table
from befit.cli.progress import shown_progress
from befit.cli.session import run

_PLAY = "befit.cli.leak_test"
_MOST_CHECKS = 10_000_000
_SHOWN = 20


class _Finding(msgspec.Struct):
    surface: str
    reader: str
    what: str
    around: str


class _Found(msgspec.Struct):
    share: float
    n: int


class _Revocation(msgspec.Struct):
    n: int
    p50: float | None
    max: float | None
    late: int


class _Report(msgspec.Struct):
    """What is printed of the document."""

    checks: int
    leaks: int
    surfaces: dict[str, int]
    findings: list[_Finding]
    found: dict[str, _Found]
    revocation_ms: _Revocation
    seconds: float
    proves_something: bool


@click.command("leak-test", epilog=example("befit knowledge leak-test --checks 5000"))
@click.option(
    "--checks",
    type=click.IntRange(1, _MOST_CHECKS),
    default=1_000,
    show_default=True,
    help="How many to make, at least.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Another draws other worlds.")
@json_option
@workspace_folder_option
def leak_test(folder: Path, checks: int, seed: int, as_json: bool) -> int:
    """Try to see documents that one may not.

    It tries everywhere that there is something to see. A workspace of its own is made in a
    temporary folder, under your policies and settings, and deleted again: planted documents,
    several readers, rights that are taken away meanwhile. Your own documents and your ledger are
    not touched. Exit code 1 where anything leaked, and where so little was found that it would
    show nothing.
    """
    # A whole server is imported only here: other commands of the group do without.
    play = importlib.import_module(_PLAY)
    plan = play.LeakTestPlan(checks=checks, seed=seed, workspace=_workspace(folder))
    with shown_progress(what="leak test") as progress:
        document: msgspec.Struct = run(play.run_leak_test(plan, progress))
    report = msgspec.convert(msgspec.to_builtins(document), _Report)
    if as_json:
        print_json(document)
    else:
        _show(report)
    return 1 if report.leaks or not report.proves_something else 0


def _workspace(folder: Path) -> Workspace | None:
    """The named workspace; where none is named and none is here, a new one's rules are tested."""
    if folder == Path() and not Workspace(folder).config_file.is_file():
        say("no workspace here: what is tested is a new one's rules")
        return None
    return Workspace.at(folder)


def _show(report: _Report) -> None:
    rows = [
        (name, f"{checks:,}", _share(report.found.get(name)))
        for name, checks in report.surfaces.items()
    ]
    click.echo(table(("surface", "checks", "found what may be read"), rows))
    revoked = report.revocation_ms
    if revoked.n:
        rights = counted(revoked.n, "right")
        click.echo(
            f"\n{rights} taken away: gone after {milliseconds(revoked.p50)} (median), "
            f"{milliseconds(revoked.max)} at most, with the search that shows it; "
            f"{counted(revoked.late, 'search', 'searches')} still found it"
        )
    for finding in report.findings[:_SHOWN]:
        click.echo(f"LEAK {finding.surface}: {finding.reader} sees {finding.what}")
        click.echo(f"     .. {' '.join(finding.around.split())} ..")
    checks = counted(report.checks, "check")
    click.echo(f"\n{checks} in {report.seconds:.0f} s, {counted(report.leaks, 'leak')}")
    if not report.proves_something:
        click.echo(
            "Readers do not find what they may read, so this shows nothing: look at your policies"
        )


def _share(found: _Found | None) -> str:
    return "" if found is None else f"{100 * found.share:.1f}% of {found.n}"
