"""`befit usage`: what was used, by whom, and what it saved."""

from __future__ import annotations

import click
import msgspec

from befit.catalog import Workspace
from befit.cli.options import example, json_option, workspace_option
from befit.cli.output import milliseconds, money, print_json, say, table
from befit.cli.session import perform

_DIMENSIONS = ("workflow", "model", "key", "day")


class _Tokens(msgspec.Struct):
    input: int = 0
    output: int = 0


class _Spread(msgspec.Struct):
    p95_ms: float | None = None


class _Saving(msgspec.Struct):
    reference: str
    basis: str
    saved_usd: float | None
    n: int
    interval_usd: tuple[float, float] | None = None
    reason: str | None = None


class _Row(msgspec.Struct):
    """What is printed of one group's usage."""

    decisions: int
    calls: int
    tokens: _Tokens
    cost_usd: float | None
    known_cost_usd: float
    unknown_costs: int
    latency: _Spread
    overhead: _Spread
    workflow: str | None = None
    model: str | None = None
    key: str | None = None
    day: str | None = None
    saving: _Saving | None = None


class _Usage(msgspec.Struct):
    by: list[str]
    rows: list[_Row]


@click.command(
    epilog=example(
        "befit usage --by workflow --by model --since 7d", "befit usage --reference gpt-4.1 --json"
    )
)
@click.option(
    "--by",
    multiple=True,
    metavar="|".join(_DIMENSIONS),
    help="Group by these; repeat it or separate by commas.",
)
@click.option("--since", metavar="7d|DATE", help="From when on: 7d, 24h, 2026-01-31, Unix seconds.")
@click.option("--until", metavar="DATE", help="Until when.")
@click.option("--reference", metavar="MODEL", help="The model to compare costs with.")
@click.option(
    "--basis",
    type=click.Choice(("assumed", "run")),
    default="assumed",
    show_default=True,
    help="Price the reference on the same tokens, or take its own calls of the period.",
)
@json_option
@workspace_option
def command(
    workspace: Workspace,
    by: tuple[str, ...],
    since: str | None,
    until: str | None,
    reference: str | None,
    basis: str,
    as_json: bool,
) -> None:
    """What was used, by whom, and what it saved."""
    params = {
        "by": _dimensions(by),
        "since": since,
        "until": until,
        "reference": reference,
        "basis": basis,
    }
    document = perform(workspace, "usage", params)
    if as_json:
        print_json(document)
        return
    usage = msgspec.convert(document, _Usage)
    if not usage.rows:
        say("nothing was used in this period")
        return
    headings = (*usage.by, "decisions", "calls", "tokens in", "out", "cost", "p95", "own p95")
    saved = ("saved",) if reference else ()
    rows = [
        (*_cells(usage.by, row), *((_saved(row.saving),) if reference else ()))
        for row in usage.rows
    ]
    click.echo(table((*headings, *saved), rows))


def _dimensions(given: tuple[str, ...]) -> tuple[str, ...]:
    words = tuple(word.strip() for part in given for word in part.split(",") if word.strip())
    for word in words:
        if word not in _DIMENSIONS:
            raise click.BadParameter(
                f"{word!r} is none of {', '.join(_DIMENSIONS)}", param_hint="--by"
            )
    return words


def _cells(by: list[str], row: _Row) -> tuple[str, ...]:
    groups = tuple(str(getattr(row, dimension) or "-") for dimension in by)
    cost = money(row.cost_usd)
    if row.cost_usd is None:
        cost = f"{money(row.known_cost_usd)} + {row.unknown_costs} of unknown price"
    return (
        *groups,
        str(row.decisions),
        str(row.calls),
        str(row.tokens.input),
        str(row.tokens.output),
        cost,
        milliseconds(row.latency.p95_ms),
        milliseconds(row.overhead.p95_ms),
    )


def _saved(saving: _Saving | None) -> str:
    if saving is None:
        return "-"
    if saving.saved_usd is None:
        return f"unknown: {saving.reason}"
    interval = ""
    if saving.interval_usd is not None:
        low, high = saving.interval_usd
        interval = f" [{money(low)}, {money(high)}]"
    basis = f"{saving.reference} ({saving.basis}, n={saving.n})"
    return f"{money(saving.saved_usd)}{interval} against {basis}"
