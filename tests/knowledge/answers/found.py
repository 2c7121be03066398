"""Passages as a search gives them."""

from __future__ import annotations

from befit.knowledge.retrieval import Support
from befit.knowledge.search import Found, FoundPassage
from befit.vocabulary import DataClass


def passage(
    text: str, *, name: str = "handbook", start: int = 0, score: float = 0.0, title: str = ""
) -> FoundPassage:
    return FoundPassage(
        collection="handbook",
        key=name,
        doc_id=name,
        passage_id=f"{name}.0",
        version="sha256:1",
        title=title,
        text=text,
        start=start,
        end=start + len(text),
        page=None,
        score=score,
        data_class=DataClass.INTERNAL,
    )


def found(*passages: FoundPassage, support: Support | None = None) -> Found:
    return Found(passages=passages, support=support or Support(), index_epoch=1, access_epoch=1)
