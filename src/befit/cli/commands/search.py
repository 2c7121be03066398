"""`befit search QUERY`: the passages that speak to a query, of those that its reader may read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click
import msgspec

from befit.catalog import Workspace
from befit.cli.options import example, json_option, text_of, whole_path, workspace_option
from befit.cli.output import counted, milliseconds, print_json, say
from befit.cli.passages import Passage, passage_report
from befit.cli.progress import shown_progress
from befit.cli.session import perform
from befit.errors import InvalidRequest


class _Found(msgspec.Struct):
    """What is printed of one search."""

    results: list[Passage]
    decision_id: str
    data_class: str
    latency_ms: float


class _Of(msgspec.Struct):
    query_id: str
    results: list[Passage]


class _Intervals(msgspec.Struct):
    recall: tuple[float, float] = msgspec.field(name="recall@5")
    ndcg: tuple[float, float] = msgspec.field(name="ndcg@10")


class _Metrics(msgspec.Struct):
    recall: float = msgspec.field(name="recall@5")
    ndcg: float = msgspec.field(name="ndcg@10")
    n: int
    intervals: _Intervals


class _Many(msgspec.Struct):
    """What is printed of a file of queries."""

    queries: list[_Of]
    decision_id: str
    metrics: _Metrics | None = None


@click.command(
    epilog=example(
        "befit search 'parental leave' --collection handbook --as mara:hr",
        "befit search 'invoice' --filter department=finance --since 2025-01-01 --json",
        "befit search --queries queries.jsonl --collection handbook --json",
    )
)
@click.argument("query", required=False)
@click.option(
    "--queries",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help='JSON Lines, also .gz: {"query_id", "query", "history"?, "relevant"?, "as"?} a line; '
    "one decision for all.",
)
@click.option(
    "--collection",
    "collections",
    multiple=True,
    metavar="NAME",
    help="Search this collection; several are fine. Default: all.",
)
@click.option(
    "--as",
    "acting_as",
    metavar="USER[:GROUP,GROUP..]",
    help="Search as this reader, without the administrator's rights.",
)
@click.option("--limit", default=10, show_default=True, help="How many passages at most.")
@click.option(
    "--filter",
    "filters",
    multiple=True,
    metavar="KEY=VALUE",
    help="Only documents with this metadata; of one key given twice either value will do.",
)
@click.option("--since", metavar="DATE", help="Only documents dated from then on: 2026-01-31, 90d.")
@click.option("--until", metavar="DATE", help="Only documents dated until then, that day included.")
@json_option
@workspace_option
def command(
    workspace: Workspace,
    query: str | None,
    queries: Path | None,
    collections: tuple[str, ...],
    acting_as: str | None,
    limit: int,
    filters: tuple[str, ...],
    since: str | None,
    until: str | None,
    as_json: bool,
) -> None:
    """Search the documents that you may read.

    QUERY may be `-` to read standard input. Results are passages, best first. Exits 0 whether
    something was found or not. With --queries each row is searched for its own reader ("as", or
    --as), and where rows say what is "relevant", recall@5 and nDCG@10 are told with their
    intervals.
    """
    if (query is None) == (queries is None):
        raise click.UsageError("give a QUERY, or --queries FILE")
    scope: dict[str, object] = {
        "collections": collections,
        "limit": limit,
        "filters": _filters(filters),
        "since": since,
        "until": until,
    }
    if queries is not None:
        _search_file(
            workspace, {**scope, "queries": whole_path(queries), "reader": acting_as}, as_json
        )
        return
    params = {**scope, "query": text_of(query or "")}
    document = perform(workspace, "knowledge.search", params, acting_as=acting_as)
    found = msgspec.convert(document, _Found)
    if as_json:
        print_json(document)
    elif found.results:
        click.echo(passage_report(found.results))
    say(
        f"{_outcome(found.results)} · class {found.data_class} · "
        f"{milliseconds(found.latency_ms)} · decision {found.decision_id}"
    )


def _search_file(workspace: Workspace, params: Mapping[str, object], as_json: bool) -> None:
    with shown_progress() as progress:
        document = perform(workspace, "knowledge.search_file", params, progress=progress)
    many = msgspec.convert(document, _Many)
    if as_json:
        print_json(document)
    else:
        for each in many.queries:
            best = each.results[0] if each.results else None
            click.echo(f"{each.query_id}\t{len(each.results)}\t{best.doc_id if best else '-'}")
    if many.metrics is not None:
        say(_figures(many.metrics))
    say(f"{counted(len(many.queries), 'query', 'queries')} · decision {many.decision_id}")


def _figures(metrics: _Metrics) -> str:
    def figure(name: str, value: float, interval: tuple[float, float]) -> str:
        return f"{name} {value:.3f} ({interval[0]:.3f} to {interval[1]:.3f})"

    recall = figure("recall@5", metrics.recall, metrics.intervals.recall)
    ndcg = figure("nDCG@10", metrics.ndcg, metrics.intervals.ndcg)
    judged = counted(metrics.n, "judged query", "judged queries")
    return f"{recall} · {ndcg} · over {judged}, 95% intervals"


def _outcome(results: list[Passage]) -> str:
    if not results:
        return "not found: nothing that you may read speaks to it"
    documents = {(each.collection, each.doc_id) for each in results}
    passages = counted(len(results), "passage")
    return f"found: {passages} of {counted(len(documents), 'document')}"


def _filters(given: tuple[str, ...]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for each in given:
        key, sign, value = each.partition("=")
        if not (key and sign):
            raise InvalidRequest(f"--filter {each!r} is not KEY=VALUE", param="filter")
        found.setdefault(key, []).append(value)
    return found
