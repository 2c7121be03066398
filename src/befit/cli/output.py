"""What commands print: one JSON document for machines, plain lines for people."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from decimal import Decimal

import click
import msgspec

from befit.errors import BefitError

Document = Mapping[str, object]
"""A command's JSON document."""

_encode = msgspec.json.Encoder(decimal_format="number").encode


def print_json(document: Document) -> None:
    """One JSON document on stdout."""
    click.echo(msgspec.json.format(_encode(document), indent=2).decode())


def say(line: str) -> None:
    """One line for people on stderr, beside what stdout carries."""
    click.echo(line, err=True)


def fail(error: BefitError) -> int:
    """One line that says what, which and what next; the exit code to leave with."""
    decision = f" (decision {error.decision_id})" if error.decision_id else ""
    say(f"befit: {error}{decision}")
    return error.exit_code


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns of text, aligned; plain, so that it reads the same when piped."""
    widths = [max(len(cell) for cell in column) for column in zip(headings, *rows, strict=True)]
    lines = [headings, *rows]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def money(cost_usd: Decimal | str | None) -> str:
    """An amount for people; unknown is said, never shown as zero."""
    if cost_usd is None:
        return "unknown"
    amount = Decimal(cost_usd)
    return "0 USD" if amount == 0 else f"{amount.normalize():f} USD"


def is_terminal() -> bool:
    """Whether a person is looking at stdout."""
    return sys.stdout.isatty()
