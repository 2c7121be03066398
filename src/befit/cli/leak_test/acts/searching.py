"""Acts of searching: by command, over HTTP, and by a file of queries for many readers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

import msgspec

from befit.cli.leak_test.adversary import Question
from befit.cli.leak_test.scene import Asking, Scene
from befit.cli.leak_test.surfaces import Seen, Surface
from befit.vocabulary import new_id

SEARCH_PATH = "/v1/knowledge/search"
_ROWS = 16


class _Result(msgspec.Struct):
    doc_id: str


class Results(msgspec.Struct):
    """Of a search's document, what names documents; an error has none."""

    results: tuple[_Result, ...] = ()
    decision_id: str | None = None

    @property
    def cited(self) -> tuple[str, ...]:
        """The ids of the documents found."""
        return tuple(result.doc_id for result in self.results)


class _Row(Results):
    query_id: str = ""


class _Rows(msgspec.Struct):
    queries: tuple[_Row, ...] = ()


async def search(scene: Scene) -> Sequence[Seen]:
    """`befit search --as`."""
    asking = scene.drawn(is_asserted=True)
    params = search_params(asking.question)
    printed = await scene.command("knowledge.search", params, scene.principal(asking.reader))
    return (searched(scene, asking, Surface.SEARCH, printed),)


async def search_http(scene: Scene) -> Sequence[Seen]:
    """`POST /v1/knowledge/search`."""
    asking = scene.drawn()
    body = msgspec.json.encode(search_params(asking.question))
    reply = await scene.stage.http(asking.reader, "POST", SEARCH_PATH, body)
    return (
        searched(scene, asking, Surface.SEARCH_HTTP, reply.body),
        asking.saw(Surface.HEADERS, reply.head),
    )


async def search_file(scene: Scene) -> Sequence[Seen]:
    """`befit search --queries`: each row is its own reader's."""
    rows = [scene.drawn(is_asserted=True) for _ in range(_ROWS)]
    tenant = rows[0].reader.tenant
    asked = {f"q{number}": each for number, each in enumerate(rows) if each.reader.tenant == tenant}
    path = scene.stage.sources / f"{new_id('queries')}.jsonl"
    lines = [msgspec.json.encode(_query(scene, name, each)) for name, each in asked.items()]
    path.write_bytes(b"\n".join(lines))
    try:
        document = await scene.stage.manage(
            tenant, "knowledge.search_file", {"queries": str(path), "limit": 10}
        )
    finally:
        path.unlink()
    seen: list[Seen] = []
    for row in msgspec.convert(document, _Rows).queries:
        asking = asked[row.query_id]
        printed = msgspec.json.encode(
            [each for each in _raw_rows(document) if each["query_id"] == row.query_id]
        )
        plain = replace(asking.saw(Surface.QUERIES, printed), cited=row.cited)
        seen.append(replace(plain, expected=asking.expected))
    return seen


def search_params(question: Question) -> dict[str, object]:
    """A question as a search takes it."""
    collections = [] if question.is_everywhere else [question.collection]
    params: dict[str, object] = {"query": question.text, "collections": collections}
    if question.reference is not None:
        params["filters"] = {"reference": question.reference}
    if question.date is not None:
        day = date.fromisoformat(question.date)
        params |= {"since": question.date, "until": str(day + timedelta(days=1))}
    return params


def searched(scene: Scene, asking: Asking, surface: Surface, printed: bytes) -> Seen:
    """What a search's document showed."""
    document = msgspec.json.decode(printed, type=Results)
    scene.keep_decision(document.decision_id, asking.reader)
    seen = asking.saw(surface, printed)
    return replace(seen, cited=document.cited, expected=asking.expected)


def _query(scene: Scene, name: str, asking: Asking) -> dict[str, object]:
    who = scene.asserted(asking.reader)
    return {"query_id": name, "query": asking.question.text, "as": who}


def _raw_rows(document: dict[str, object]) -> list[dict[str, object]]:
    return msgspec.convert(document["queries"], list[dict[str, object]])
