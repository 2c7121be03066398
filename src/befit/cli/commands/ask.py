"""`befit ask TEXT`: one question, its answer on stdout, one line about it on stderr."""

from __future__ import annotations

from collections.abc import Iterator

import click
import msgspec

from befit.catalog import Workspace
from befit.cli.options import asking_options, example, json_option, text_of, workspace_option
from befit.cli.output import milliseconds, money, one_line, print_json, say
from befit.cli.session import perform


class _Refusal(msgspec.Struct):
    message: str


class _Citation(msgspec.Struct):
    mark: int
    collection: str
    doc_id: str
    page: int | None
    start: int
    end: int
    title: str


class _Answer(msgspec.Struct):
    """What is printed of an answer's document."""

    decision_id: str
    status: str
    output: str | None
    workflow: str | None
    model: str | None
    zone: str | None
    evidence: str
    cost_usd: float | None
    latency_ms: float | None
    why: str = ""
    approval_id: str | None = None
    citations: list[_Citation] = []
    error: _Refusal | None = None


@click.command(
    epilog=example(
        "befit ask 'What is a ledger?'",
        "befit ask - --workflow triage < mail.txt",
        "befit ask 'How long are invoices kept?' --collection handbook --as mara",
        "befit ask 'And contracts?' --collection handbook --as mara --conversation c1",
    )
)
@click.argument("text")
@asking_options
@click.option(
    "--conversation",
    metavar="ID",
    help="A name of your own for a conversation: what was asked in it before is remembered, and "
    "its class with it.",
)
@json_option
@workspace_option
def command(
    workspace: Workspace,
    text: str,
    workflow: str | None,
    model: str | None,
    collection: str | None,
    data_class: str | None,
    tags: tuple[str, ...],
    acting_as: str | None,
    conversation: str | None,
    as_json: bool,
) -> int:
    """Ask once and print the answer.

    TEXT may be `-` to read standard input. Exits 0 when the text was answered or waits for a
    person, and 1 when it was refused.
    """
    document = perform(
        workspace,
        "ask",
        {
            "text": text_of(text),
            "workflow": workflow,
            "model": model,
            "collection": collection,
            "data_class": data_class,
            "tags": tags,
            "conversation": conversation,
        },
        acting_as=acting_as,
    )
    answer = msgspec.convert(document, _Answer)
    if as_json:
        print_json(document)
    elif answer.output is not None:
        click.echo(answer.output)
        for line in _sources(answer.citations):
            click.echo(line)
    if answer.error is not None:
        say(f"befit: {one_line(answer.error.message)} (decision {answer.decision_id})")
    else:
        say(_summary(answer))
    return 0 if answer.status in {"answered", "pending_person"} else 1


def _sources(citations: list[_Citation]) -> Iterator[str]:
    """A line a document and page, by the number that the answer points to it with."""
    if citations:
        yield "\nSources"
    spans: dict[tuple[int, str], list[str]] = {}
    for each in citations:
        page = f", page {each.page}" if each.page is not None else ""
        title = f" ({one_line(each.title)})" if each.title and each.title != each.doc_id else ""
        where = f"{each.collection}/{one_line(each.doc_id)}{title}{page}"
        spans.setdefault((each.mark, where), []).append(f"{each.start}-{each.end}")
    for (mark, where), its in sorted(spans.items()):
        yield f"  [{mark}] {where}, characters {', '.join(its)}"


def _summary(answer: _Answer) -> str:
    parts = [
        f"workflow {answer.workflow}" if answer.workflow else "no workflow",
        f"{answer.model} ({answer.zone}, evidence: {answer.evidence})"
        if answer.model
        else "no model",
        answer.why,
        money(answer.cost_usd),
        milliseconds(answer.latency_ms),
        answer.decision_id,
    ]
    if answer.approval_id is not None:
        parts.insert(0, f"waits for a person: befit approvals show {answer.approval_id}")
    return " · ".join(part for part in parts if part)
