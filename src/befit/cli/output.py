"""What commands print: one JSON document for machines, plain lines for people."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal

import click
import msgspec

from befit.errors import BefitError

Document = Mapping[str, object]
"""A command's JSON document."""

_encode = msgspec.json.Encoder(decimal_format="number").encode


def print_json(document: Document | msgspec.Struct) -> None:
    """One JSON document on stdout."""
    click.echo(msgspec.json.format(_encode(document), indent=2).decode())


def say(line: str) -> None:
    """One line for people on stderr, beside what stdout carries."""
    click.echo(line, err=True)


def fail(error: BefitError) -> int:
    """One line that says what, which and what next; the exit code to leave with."""
    decision = f" (decision {error.decision_id})" if error.decision_id else ""
    say(f"befit: {one_line(str(error))}{decision}")
    return error.exit_code


def one_line(text: str, *, most: int = 1000) -> str:
    """A text in one line, cut where it is very long."""
    joined = " ".join(text.split())
    return joined if len(joined) <= most else joined[: most - 2] + ".."


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns of text, aligned; plain, so that it reads the same when piped."""
    widths = [max(len(cell) for cell in column) for column in zip(headings, *rows, strict=True)]
    lines = [headings, *rows]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def money(cost_usd: Decimal | str | float | None) -> str:
    """An amount for people; unknown is said, never shown as zero."""
    if cost_usd is None:
        return "unknown"
    amount = Decimal(str(cost_usd))
    return "0 USD" if amount == 0 else f"{amount.normalize():f} USD"


def milliseconds(duration_ms: float | None) -> str:
    """A duration for people."""
    if duration_ms is None:
        return "-"
    if duration_ms < 10:
        return f"{duration_ms:.1f} ms"
    return f"{duration_ms:.0f} ms" if duration_ms < 10_000 else f"{duration_ms / 1000:.1f} s"


def moment(unix_s: float | None) -> str:
    """A point in time for people, in UTC."""
    if unix_s is None:
        return "-"
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%d %H:%M UTC")


def counted(count: int, noun: str, plural: str = "") -> str:
    """How many there are of something: `1 document`, `2,000 documents`."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def agreed(told: str, question: str, *, otherwise: str) -> bool:
    """Whether somebody says yes to what cannot be taken back; without a terminal nobody does.

    Args:
        told: what would happen.
        question: such as `Remove?`.
        otherwise: what is so where nobody can be asked, such as `nothing was removed`.
    """
    if is_answerable():
        return click.confirm(f"{told}. {question}", err=True)
    say(f"befit: {told}; {otherwise}: repeat with --yes to agree")
    return False


def is_answerable() -> bool:
    """Whether a person sits at both ends: questions can be shown and answered."""
    return sys.stdin.isatty() and sys.stderr.isatty()
