"""`Screen`: how the play looks. Drawn on a terminal, plain lines in a pipe.

screen.scene(2, "A broad question")
screen.request("plan-1", text, asked)
"""

from __future__ import annotations

import textwrap
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as Bars
from rich.text import Text

from befit.cli.demo.account import Account
from befit.cli.demo.stage import Asked
from befit.cli.output import milliseconds, money, one_line
from befit.vocabulary import Progress

_WIDEST = 110
_MARGIN = 2
_LABEL = 12
_LINE_EVERY_S = 10.0
_ANSWER_SHOWN = 300
_NOT_LISTED = "does not list it"

_GOOD, _BAD, _FAINT, _STRONG = "green", "yellow", "dim", "bold"


class Screen:
    """Prints scenes, requests and tables, as wide as the terminal up to a comfortable line."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._width = min(console.width, _WIDEST)

    @property
    def is_drawn(self) -> bool:
        """Whether a person is looking at a terminal that can draw."""
        return self._console.is_terminal and not self._console.is_dumb_terminal

    def title(self, text: str, lead: str) -> None:
        """The play's own heading."""
        self._line(Text(text, style=_STRONG))
        self._wrapped(lead)

    def scene(self, number: int | str, title: str) -> None:
        """A new scene begins."""
        heading = f" {number}  {title} " if number != "" else f" {title} "
        rule = "-" if not self.is_drawn else "\u2500"
        filled = heading.rjust(len(heading) + 2, rule).ljust(self._width, rule)
        self._line()
        self._line(Text(filled, style="bold cyan"))

    def say(self, text: str, *, style: str = "") -> None:
        """A paragraph."""
        self._wrapped(text, style=style)

    def gap(self) -> None:
        """An empty line."""
        self._line()

    def request(self, name: str, text: str, asked: Asked) -> None:
        """One request: its class, who was struck out and why, who answered, at what cost."""
        quoted = f'"{one_line(text)}"'
        shown = textwrap.shorten(quoted, self._width - _MARGIN - len(name) - 2, placeholder=' .."')
        self._line()
        self._line(Text(" " * _MARGIN).append(name, style=_STRONG).append(f"  {shown}"))
        for label, value, style in _facts(asked):
            self._fact(label, value, style)

    def brief(self, name: str, asked: Asked, *, without: str) -> None:
        """One request in few lines, where the like was shown in full before.

        Args:
            name: what it is called.
            asked: its account.
            without: the model whose absence is the point.
        """
        account = asked.account
        self._fact(name, f"{_who(account)}, {account.decision_id}", "")
        reason = account.excluded.get(without)
        if reason is not None:
            self._fact("struck out", f"{without}: {one_line(reason)}", _FAINT)

    def table(
        self, headings: Sequence[str], rows: Sequence[Sequence[str]], strong: int = -1
    ) -> None:
        """Columns, the first to the left and the others to the right; cells may have two lines.

        Args:
            headings: may have two lines, too.
            rows: one cell a column.
            strong: the row to be seen first.
        """
        cells = [[cell.split("\n") for cell in row] for row in (headings, *rows)]
        columns = zip(*cells, strict=True)
        widths = [max(len(part) for cell in column for part in cell) for column in columns]
        gap = " " * (2 if _MARGIN + sum(widths) + 2 * len(widths) <= self._width else 1)
        self._line()
        for number, row in enumerate(cells):
            style = _STRONG if number in {0, strong + 1 if strong >= 0 else 0} else ""
            for line in range(max(len(cell) for cell in row)):
                parts = [cell[line] if line < len(cell) else "" for cell in row]
                aligned = [
                    part.rjust(width) if column else part.ljust(width)
                    for column, (part, width) in enumerate(zip(parts, widths, strict=True))
                ]
                self._line(Text((" " * _MARGIN + gap.join(aligned)).rstrip(), style=style))
            if number == 0:
                rule = "\u2500" if self.is_drawn else "-"
                self._line(Text(" " * _MARGIN + gap.join(rule * width for width in widths)))

    def block(self, text: str) -> None:
        """Lines that somebody else has laid out; long ones are wrapped below themselves."""
        for line in text.splitlines():
            if not line.strip():
                self._line()
                continue
            inset = len(line) - len(line.lstrip()) + _MARGIN
            self._filled(line.strip(), first=" " * inset, rest=" " * (inset + _LABEL), style="")

    @contextmanager
    def progress(self, what: str) -> Generator[Progress]:
        """A bar that goes away when done; a line now and then where nothing can be drawn."""
        if not self.is_drawn:
            yield _Lines(self, what)
            return
        bars = Bars(
            TextColumn("  {task.description}"),
            BarColumn(30, style=_FAINT, complete_style="cyan", pulse_style=_FAINT),
            MofNCompleteColumn(),
            console=self._console,
            transient=True,
        )
        with bars:
            yield _Bar(bars, what)

    def _fact(self, label: str, value: str, style: str) -> None:
        inset = " " * (2 * _MARGIN)
        self._filled(
            value, first=f"{inset}{label:<{_LABEL}}", rest=inset + " " * _LABEL, style=style
        )

    def _wrapped(self, text: str, *, style: str = "") -> None:
        margin = " " * _MARGIN
        self._filled(text, first=margin, rest=margin, style=style)

    def _filled(self, text: str, *, first: str, rest: str, style: str) -> None:
        lines = textwrap.wrap(
            text,
            self._width,
            initial_indent=first,
            subsequent_indent=rest,
            break_long_words=False,
            break_on_hyphens=False,
        )
        for number, line in enumerate(lines or [first.rstrip()]):
            start = len(first) if number == 0 else len(rest)
            shown = Text().append(line[:start], style=_FAINT).append(line[start:], style=style)
            shown.rstrip()
            self._line(shown)

    def _line(self, text: Text | str = "") -> None:
        # Lines are laid out already; an id that is longer than the line is never broken.
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


class _Bar:
    """One bar that tells of the stage under way."""

    def __init__(self, bars: Bars, what: str) -> None:
        self._bars = bars
        self._what = what
        self._task = bars.add_task(what, total=None)

    def __call__(self, stage: str, done: int, total: int) -> None:
        said = f"{self._what} {stage}".strip()
        self._bars.update(self._task, description=said, completed=done, total=total or None)


class _Lines:
    """A line every few seconds of a stage that takes long."""

    def __init__(self, screen: Screen, what: str) -> None:
        self._screen = screen
        self._what = what
        self._said_at = time.monotonic()

    def __call__(self, stage: str, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self._said_at >= _LINE_EVERY_S:
            self._said_at = now
            self._screen.say(f".. {self._what} {stage}: {done} of {total}".replace("  ", " "))


def _facts(asked: Asked) -> Iterator[tuple[str, str, str]]:
    account = asked.account
    record = account.record
    origin = record.class_origin or ("declared by the caller" if record.declared_class else "")
    detected = f": {', '.join(record.detected)}" if record.detected else ""
    yield "class", f"{account.data_class}" + (f" ({origin}{detected})" if origin else ""), ""
    yield from _labelled("struck out", _reasons(account), _FAINT)
    calls = account.calls
    if calls:
        why = f": {record.why}" if record.why else ""
        yield "chosen", f"{calls[0].model} ({calls[0].zone}){why}", ""
    else:
        yield "chosen", "no model is left", _BAD
    yield from _labelled("check", _checks(account), "")
    yield from _labelled("escalation", _escalations(account), _BAD)
    if asked.output is not None:
        evidence = f" (evidence: {account.evidence})"
        answer = textwrap.shorten(one_line(asked.output), _ANSWER_SHOWN, placeholder=" ..")
        yield "answer", f"{answer}{evidence}", _GOOD
    yield "spent", f"{milliseconds(account.latency_ms)}, {money(account.cost_usd)}", ""
    yield "decision", account.decision_id, ""


def _labelled(label: str, values: Sequence[str], style: str) -> Iterator[tuple[str, str, str]]:
    for number, value in enumerate(values or ("none",)):
        yield ("" if number else label), value, style if values else ""


def _reasons(account: Account) -> list[str]:
    """Models grouped by the reason that struck them out, those that never took part last."""
    models: dict[str, list[str]] = {}
    for model, reason in account.excluded.items():
        models.setdefault(one_line(reason), []).append(model)
    reasons = sorted(models, key=lambda reason: reason.endswith(_NOT_LISTED))
    return [f"{', '.join(models[reason])}: {reason}" for reason in reasons]


def _checks(account: Account) -> list[str]:
    return [
        f"{check.name} {'passed' if check.passed else 'failed'}"
        + (f": {one_line(check.detail)}" if check.detail else "")
        for check in account.checks
    ]


def _escalations(account: Account) -> list[str]:
    """Where the request went after the first model, and why."""
    steps = [
        f"{call.purpose} to {call.model} ({call.zone}), because {one_line(call.because or '')}"
        for call in account.calls[1:]
    ]
    approval = account.approval
    if approval is not None:
        steps.append(
            f"a person, because {one_line(approval.reason or '')}; waits as {approval.approval_id}"
        )
    return steps


def _who(account: Account) -> str:
    if account.is_answered:
        return f"answered by {account.model} ({account.zone})"
    return "left with a person" if account.approval else account.record.status
