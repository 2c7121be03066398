"""Retrieval figures through the product's own commands: `befit ingest`, then `befit search`.

    python -m benchmarks.search [--json]

Public data from `../shared/data` (or `$BEFIT_SHARED_DATA`) is written as the files that users
write, taken in, and searched with `--queries`; the figures are those that the command prints.
The weights that ship were fitted on these very queries, so the figures show that nothing is
lost between retriever and command. What unseen queries would get, `python -m
benchmarks.retrieval` tells out of fold.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from befit.evaluation import recall
from befit.statistics import bootstrap_mean
from benchmarks.retrieval.collections import (
    ABSTRACTS,
    CONVERSATIONS,
    CranfieldDocument,
    CranfieldQuery,
    MtragPassage,
    MtragQuery,
    data_folder,
    lines,
)

_BEFIT = Path(sys.executable).with_name("befit")
_EVERYBODY = {"groups": ["everyone"]}
_ROLES = {"user": "user", "agent": "assistant"}


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One figure, as the command tells it."""

    figure: str
    score: float
    interval: tuple[float, float]
    n: int
    target: float


class _Metrics(msgspec.Struct):
    recall: float = msgspec.field(name="recall@5")
    ndcg: float = msgspec.field(name="ndcg@10")
    n: int
    intervals: dict[str, tuple[float, float]]


class _Result(msgspec.Struct):
    doc_id: str


class _Query(msgspec.Struct):
    query_id: str
    results: list[_Result]


class _Searched(msgspec.Struct):
    queries: list[_Query]
    metrics: _Metrics


@dataclass(frozen=True, kw_only=True, slots=True)
class _Workspace:
    """A workspace in a folder of its own, worked on by commands alone."""

    folder: Path

    def init(self) -> None:
        subprocess.run([_BEFIT, "init", str(self.folder / "ws")], check=True, stdout=sys.stderr)

    def run(self, *arguments: str) -> bytes:
        command = [_BEFIT, "--workspace", str(self.folder / "ws"), *arguments]
        return subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout

    def write(self, name: str, rows: Iterable[object]) -> str:
        path = self.folder / f"{name}.jsonl"
        path.write_bytes(msgspec.json.Encoder().encode_lines(list(rows)))
        return str(path)

    def ingest(self, collection: str, documents: Iterable[object]) -> None:
        file = self.write(f"documents-{collection}", documents)
        self.run("ingest", file, "--collection", collection, "--data-class", "public", "--json")

    def search(self, name: str, queries: Iterable[object], collections: Iterable[str]) -> _Searched:
        file = self.write(f"queries-{name}", queries)
        named = [word for each in collections for word in ("--collection", each)]
        out = self.run("search", "--queries", file, *named, "--limit", "10", "--json")
        return msgspec.json.decode(out, type=_Searched)


def main() -> int:
    """Take in, search and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    as_json: bool = parser.parse_args().json
    with tempfile.TemporaryDirectory() as folder:
        workspace = _Workspace(folder=Path(folder))
        subprocess.run(
            [_BEFIT, "init", str(workspace.folder / "ws")], check=True, stdout=sys.stderr
        )
        try:
            rows = [*_conversations(workspace), _abstracts(workspace)]
        except FileNotFoundError as error:
            print(f"SKIPPED, nothing was measured: {error} ({data_folder()})", file=sys.stderr)
            return 1
    if as_json:
        sys.stdout.write(msgspec.json.encode({"rows": rows}).decode() + "\n")
    else:
        _print(rows)
    return 0


def _conversations(workspace: _Workspace) -> Iterator[Row]:
    data = data_folder() / CONVERSATIONS
    passages = lines(data / "corpus" / "passages_mtrag_un.jsonl.gz", MtragPassage)
    queries = [
        each
        for each in lines(data / "dev" / "mtrag_un_retrieval.jsonl", MtragQuery)
        if each.history
    ]
    names = sorted({each.collection for each in passages})
    for name in names:
        workspace.ingest(name, (_passage(each) for each in passages if each.collection == name))
    found = [
        workspace.search(name, [_conversation(q) for q in queries if q.collection == name], [name])
        for name in names
    ]
    yield _own(queries, found)
    found = workspace.search("all", map(_conversation, queries), names)
    yield _row("rag_mtrag recall@5, all four", found.metrics, "recall@5", target=0.86)


def _own(queries: Sequence[MtragQuery], found: Sequence[_Searched]) -> Row:
    """Each query within its own collection: four files, one mean."""
    relevant = {each.task_id: dict.fromkeys(each.relevant_passage_ids, 1) for each in queries}
    scores = [
        recall([result.doc_id for result in each.results], relevant[each.query_id], at=5)
        for searched in found
        for each in searched.queries
    ]
    return Row(
        figure="rag_mtrag recall@5, own collection",
        score=sum(scores) / len(scores),
        interval=bootstrap_mean(scores).as_pair(),
        n=len(scores),
        target=0.88,
    )


def _abstracts(workspace: _Workspace) -> Row:
    data = data_folder() / ABSTRACTS
    documents = lines(data / "corpus" / "docs.jsonl.gz", CranfieldDocument)
    queries = lines(data / "dev" / "queries_qrels.jsonl", CranfieldQuery)
    workspace.ingest(ABSTRACTS, map(_abstract, documents))
    asked = (
        {"query_id": each.query_id, "query": each.query, "relevant": each.gain} for each in queries
    )
    found = workspace.search(ABSTRACTS, asked, [ABSTRACTS])
    return _row("rag_cranfield nDCG@10", found.metrics, "ndcg@10", target=0.46)


def _passage(passage: MtragPassage) -> dict[str, object]:
    return {
        "doc_id": passage.passage_id,
        "title": passage.title or "",
        "text": passage.text,
        "acl": _EVERYBODY,
    }


def _abstract(document: CranfieldDocument) -> dict[str, object]:
    return {
        "doc_id": str(document.doc_id),
        "title": document.title,
        "text": document.text,
        "acl": _EVERYBODY,
    }


def _conversation(query: MtragQuery) -> dict[str, object]:
    return {
        "query_id": query.task_id,
        "query": query.query_last_turn,
        "history": [{"role": _ROLES[turn.speaker], "content": turn.text} for turn in query.history],
        "relevant": dict.fromkeys(query.relevant_passage_ids, 1),
    }


def _row(figure: str, metrics: _Metrics, name: str, *, target: float) -> Row:
    score = metrics.recall if name == "recall@5" else metrics.ndcg
    return Row(
        figure=figure,
        score=score,
        interval=metrics.intervals[name],
        n=metrics.n,
        target=target,
    )


def _print(rows: Iterable[Row]) -> None:
    table = Table(box=None, header_style="bold")
    for heading in ("figure", "score", "95% interval", "n", "target"):
        table.add_column(heading)
    for row in rows:
        interval = " to ".join(f"{end:.3f}" for end in row.interval)
        table.add_row(row.figure, f"{row.score:.3f}", interval, str(row.n), f"{row.target:.2f}")
    Console(width=None if sys.stdout.isatty() else 120).print(table)


if __name__ == "__main__":
    sys.exit(main())
