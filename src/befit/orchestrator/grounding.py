"""From what was quoted or written to what the answer rests on."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from befit.knowledge.answers import NOT_IN_DOCUMENTS, Quotation, Written
from befit.knowledge.search import Citation, Found, FoundPassage
from befit.orchestrator.attempt import Attempt
from befit.orchestrator.completions import worded
from befit.orchestrator.consultation import Cited, Consultation, Grounds
from befit.orchestrator.run import Run
from befit.vocabulary import Evidence

NOT_FOUND = Grounds(found=False)

_NOBODY = "befit"
"""What stands for the model where none was called."""

_OPENED_BY_A_BROWSER = ("https://", "http://")


def grounds_of_quotes(quotation: Quotation, found: Found) -> Grounds:
    """What quotes rest on; they point to their sources in the order that they cite them."""
    if not quotation.found:
        return Grounds(found=False, probability=quotation.probability)
    numbers = list(dict.fromkeys(each.passage_id for each in quotation.citations))
    cited = _cited(quotation.citations, quotation.places, found, numbers)
    return Grounds(
        found=True,
        probability=quotation.probability,
        cited=cited,
        keys=_keys(found, {each.citation.passage_id for each in cited}),
    )


def grounds_of_text(written: Written, found: Found) -> Grounds:
    """What a written answer rests on; it points to passages by their numbers in the prompt.

    It may owe its words to any passage that the model was given, cited or not.
    """
    numbers = [each.passage_id for each in found.passages]
    return Grounds(
        found=True,
        cited=_cited(written.citations, written.places, found, numbers),
        keys=_keys(found, set(numbers)),
    )


def nothing_to_read(run: Run, consultation: Consultation) -> Attempt:
    """The answer where the reader may read nothing that could say: nobody is called for it."""
    consultation.grounds = NOT_FOUND
    run.answering, run.evidence = None, Evidence.NONE
    return Attempt(completion=worded(run, NOT_IN_DOCUMENTS, by=_NOBODY))


def _cited(
    citations: Sequence[Citation],
    places: Sequence[tuple[int, int]],
    found: Found,
    numbers: Sequence[str],
) -> tuple[Cited, ...]:
    passages = {each.passage_id: each for each in found.passages}
    return tuple(
        Cited(
            citation=citation,
            mark=numbers.index(citation.passage_id) + 1,
            start=start,
            end=end,
            url=_url(passages[citation.passage_id]),
        )
        for citation, (start, end) in zip(citations, places, strict=True)
    )


def _keys(found: Found, passage_ids: set[str]) -> tuple[str, ...]:
    keys = (each.key for each in found.passages if each.passage_id in passage_ids)
    return tuple(dict.fromkeys(keys))


def _url(passage: FoundPassage) -> str:
    """Where a browser finds the document; one that lies elsewhere is named."""
    if passage.uri.startswith(_OPENED_BY_A_BROWSER):
        return passage.uri
    return f"urn:befit:{quote(passage.collection, safe='')}:{quote(passage.doc_id, safe='')}"
