"""`citation_of`: where a stretch of a found passage stands in its document."""

from __future__ import annotations

from befit.knowledge.search.found import Citation, Found


def citation_of(found: Found, passage: int, start: int, end: int) -> Citation:
    """The citation of characters `start` to `end` of one found passage's text."""
    cited = found.passages[passage]
    return Citation(
        collection=cited.collection,
        doc_id=cited.doc_id,
        passage_id=cited.passage_id,
        version=cited.version,
        page=cited.page,
        start=cited.start + start,
        end=cited.start + end,
        text=cited.text[start:end],
        title=cited.title,
    )
