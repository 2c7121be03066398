"""`composed`: chosen passages as text to read, each stretch of it verbatim and cited."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from befit.knowledge.answers.citing import citation_of
from befit.knowledge.answers.evidence import Evidence
from befit.knowledge.answers.quotation import Quotation
from befit.knowledge.answers.sentence import CELLS, Sentence
from befit.knowledge.search.found import Citation, Found

MOST_SENTENCES_QUOTED = 3
"""Of one passage."""

MOST_CHARS_QUOTED = 700

_NEARLY = 0.3
"""A sentence of the passage that is less fit than its best by no more is quoted as well."""

_LEANS_ON_WHAT_IS_BEFORE = re.compile(
    r"(it|its|they|their|them|this|that|these|those|he|she|his|her|such|however|but|and|or|also|"
    r"then|therefore|thus|otherwise|instead|so|both|in that case|in addition|for example)\b",
    re.IGNORECASE,
)

Span = tuple[int, int]


def composed(evidence: Evidence, passages: Sequence[int], probability: float) -> Quotation:
    """Quote the best of each passage: one paragraph each, which ends in its number."""
    text = ""
    citations, places = list[Citation](), list[Span]()
    quoted = set[tuple[str, ...]]()
    for passage in passages:
        spans = _spans(evidence, passage)
        said = tuple(evidence.found.passages[passage].text[slice(*span)] for span in spans)
        if said in quoted:  # a copy of a document says the same
            continue
        quoted.add(said)
        number = len(quoted)
        text += "\n\n" if text else ""
        for at, span in enumerate(spans):
            citation = citation_of(evidence.found, passage, *span)
            text += _joint(evidence.found.passages[passage].text, citations, citation, at)
            places.append((len(text), len(text) + len(citation.text)))
            text += citation.text
            citations.append(citation)
        text += f" [{number}]"
    return Quotation(
        found=True,
        probability=probability,
        text=text,
        citations=tuple(citations),
        places=tuple(places),
    )


def _joint(text: str, before: Sequence[Citation], citation: Citation, at: int) -> str:
    """What stands between two stretches of one passage: rows on lines, else an ellipsis."""
    if at == 0:
        return ""
    is_row = CELLS in before[-1].text and CELLS in citation.text
    return "\n" if is_row else " \u2026 "


def _spans(evidence: Evidence, passage: int) -> list[Span]:
    """What to quote of a passage, in its order: sentences side by side are one stretch."""
    fitness = evidence.kept_fitness
    own = [at for at, each in enumerate(evidence.sentences) if each.passage == passage]
    ranked = sorted(own, key=lambda at: -fitness[at])
    least = fitness[ranked[0]] - _NEARLY
    chosen = set[int]()
    for at in ranked:
        wanted = {at, *_needed_before(evidence.sentences, at)} - chosen
        length = sum(len(evidence.sentences[each].text) for each in chosen | wanted)
        is_full = len(chosen) + len(wanted) > MOST_SENTENCES_QUOTED or length > MOST_CHARS_QUOTED
        if chosen and (is_full or fitness[at] < least):
            break
        chosen |= wanted
    places = [evidence.sentences[at] for at in sorted(chosen)]
    return _stretches(evidence.found, passage, places)


def _needed_before(sentences: Sequence[Sentence], at: int) -> list[int]:
    """The sentence before one that cannot be read without it."""
    own = sentences[at]
    if at == 0 or sentences[at - 1].passage != own.passage:
        return []
    leans = _LEANS_ON_WHAT_IS_BEFORE.match(own.text) or sentences[at - 1].text.endswith(":")
    return [at - 1] if leans else []


def _stretches(found: Found, passage: int, chosen: Iterable[Sentence]) -> list[Span]:
    text = found.passages[passage].text
    spans = list[Span]()
    for each in chosen:
        if each.header is not None and each.header not in spans:
            spans.append(each.header)
        if spans and _is_beside(text, spans[-1], each):
            spans[-1] = (spans[-1][0], each.end)
        elif not spans or each.start >= spans[-1][1]:
            spans.append((each.start, each.end))
    return spans


def _is_beside(text: str, before: Span, sentence: Sentence) -> bool:
    between = text[before[1] : sentence.start]
    return sentence.start >= before[1] and not between.strip() and not sentence.is_row
