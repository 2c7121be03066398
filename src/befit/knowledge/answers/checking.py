"""`check_written`: whether every claim of a written answer stands in a passage that it cites.

No model is asked. A claim's words must stand in the passages cited, mostly together; its
numbers and names must all stand there, the numbers near its other words; and it must not
deny what they affirm or affirm what they deny. What says the same in other words may fail:
the answer is then written again or replaced by quotes, which costs a call. What passes may
still be wrong where the words are the same and the sense is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from befit.knowledge.answers.citing import citation_of
from befit.knowledge.answers.function_words import content_words, function_words
from befit.knowledge.answers.particulars import counts_in, denied_in, names_in, numbers_in
from befit.knowledge.answers.statements import TALK, Kind, Statement, statements_in
from befit.knowledge.answers.written import Claim, Fault, Written
from befit.knowledge.chunking import sentences
from befit.knowledge.retrieval import Question
from befit.knowledge.search.found import Citation, Found

_LEAST_COVERED = 0.55
"""The share of a claim's words that stand in the passages it cites."""

_LEAST_TOGETHER = 0.4
"""The share that stand in the sentences it rests on."""

_ALIKE = 0.7
"""A sentence that shares less of a claim's words may deny something else."""

_MOST_SPANS = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class _Sentence:
    passage: int
    place: int
    start: int
    end: int
    text: str
    words: frozenset[str]
    numbers: frozenset[str]
    denied: frozenset[str]


class _Sources:
    """The passages of an answer, as claims are held against them."""

    def __init__(self, found: Found, question: Question | None) -> None:
        self.found = found
        self.sentences = [
            tuple(_sentences(at, passage.text)) for at, passage in enumerate(found.passages)
        ]
        asked = " ".join(question.texts) if question else ""
        titles = " ".join(passage.title for passage in found.passages)
        self.context = content_words(f"{titles} {asked}")

    def of(self, cited: Sequence[int]) -> list[_Sentence]:
        """The sentences of passages by their numbers, which count from 1."""
        return [each for number in cited for each in self.sentences[number - 1]]


def check_written(text: str, found: Found, *, question: Question | None = None) -> Written:
    """Cut an answer into statements and hold each against the passages that it cites.

    Args:
        text: what the model wrote, with marks such as `[1]`.
        found: the passages that it was given, in the order of their numbers.
        question: what was asked; its names may be repeated without standing in a passage.
    """
    sources = _Sources(found, question)
    claims = [
        claim
        for statement in statements_in(text)
        if statement.kind is not Kind.TALK and (claim := _checked(statement, sources)) is not None
    ]
    return Written(text=text, claims=tuple(claims))


def _checked(statement: Statement, sources: _Sources) -> Claim | None:
    """The claim with its citations or its fault; None for an aside without one."""
    every = range(1, len(sources.found.passages) + 1)
    cited = statement.cited
    if any(number not in every for number in cited):
        return _faulty(statement, Fault.NO_SUCH_PASSAGE, "")
    if statement.kind is not Kind.CLAIM:
        fault = _fault_of_aside(statement, sources)
        return fault and _faulty(statement, *fault)
    if not cited:
        return _faulty(statement, Fault.NOT_CITED, "")
    words = frozenset(w for w in content_words(statement.said) if not w.isdigit())
    rests_on = _rests_on(words, sources.of(cited))
    fault = _fault(statement.said, words, sources.of(cited), rests_on, sources.context)
    if fault is not None:
        return _faulty(statement, *fault)
    return Claim(
        start=statement.start,
        end=statement.end,
        text=statement.said,
        citations=_citations(rests_on, sources.found),
    )


def _fault(
    said: str,
    words: frozenset[str],
    cited: Sequence[_Sentence],
    rests_on: Sequence[_Sentence],
    context: frozenset[str],
) -> tuple[Fault, str] | None:
    """What is wrong with a claim, and the words it is about."""
    held = frozenset[str]().union(*(each.words for each in cited))
    strange = _strange_numbers(said, rests_on, cited)
    if strange:
        return Fault.NUMBERS_DIFFER, ", ".join(strange)
    names = names_in(said) - held - context - function_words()
    if names:
        return Fault.NAMES_DIFFER, ", ".join(sorted(names))
    if rests_on and _denies_otherwise(said, words, rests_on[0], cited):
        return Fault.NEGATION_DIFFERS, rests_on[0].text
    together = frozenset[str]().union(*(each.words for each in rests_on))
    least = max(1, len(words))
    if len(words & held) < _LEAST_COVERED * least or (
        len(words & together) < _LEAST_TOGETHER * least
    ):
        return Fault.NOT_SAID, ", ".join(sorted(words - held))
    if not rests_on:
        return Fault.NOT_SAID, ""
    return None


def _fault_of_aside(statement: Statement, sources: _Sources) -> tuple[Fault, str] | None:
    """What leads over, or tells what the documents lack, must bring in nothing new."""
    said = statement.said
    every = sources.of(range(1, len(sources.sentences) + 1))
    held = frozenset[str]().union(*(each.words for each in every)) | sources.context
    numbers = frozenset[str]().union(*(each.numbers for each in every)) | sources.context
    strange = sorted(counts_in(said) - numbers)
    if strange:
        return Fault.NUMBERS_DIFFER, ", ".join(strange)
    names = sorted(names_in(said) - held - function_words())
    if names:
        return Fault.NAMES_DIFFER, ", ".join(names)
    words = content_words(said) - TALK
    if statement.kind is Kind.ASIDE and len(words & held) < _LEAST_COVERED * len(words):
        return Fault.NOT_CITED, ", ".join(sorted(words - held))
    return None


def _rests_on(words: frozenset[str], cited: Sequence[_Sentence]) -> list[_Sentence]:
    """The few sentences that hold most of a claim's words, the best first."""
    chosen = list[_Sentence]()
    missing = set(words)
    while len(chosen) < _MOST_SPANS and cited:
        best = max(cited, key=lambda each: (len(each.words & missing), -len(each.words)))
        if not best.words & missing:
            break
        chosen.append(best)
        missing -= best.words
    return chosen


def _strange_numbers(
    said: str, rests_on: Sequence[_Sentence], cited: Sequence[_Sentence]
) -> list[str]:
    """The numbers of a claim that do not stand in the sentences it rests on, nor beside them."""
    places = {(each.passage, each.place) for each in rests_on}
    near = [
        each
        for each in cited
        if any((each.passage, each.place + step) in places for step in (-1, 0, 1))
    ]
    held = frozenset[str]().union(*(each.numbers for each in near))
    return sorted(counts_in(said) - held)


def _denies_otherwise(
    said: str, words: frozenset[str], best: _Sentence, cited: Sequence[_Sentence]
) -> bool:
    """Whether a claim denies what is nowhere denied, or affirms what its best sentence denies."""
    ours = denied_in(said)
    shared = ours & frozenset[str]().union(*(each.words for each in cited))
    if shared:
        return not any(shared & each.denied for each in cited)
    if ours or len(words & best.words) < _ALIKE * len(words):
        return False
    return bool(best.denied & words)


def _citations(rests_on: Sequence[_Sentence], found: Found) -> tuple[Citation, ...]:
    return tuple(citation_of(found, each.passage, each.start, each.end) for each in rests_on)


def _faulty(statement: Statement, fault: Fault, detail: str) -> Claim:
    return Claim(
        start=statement.start, end=statement.end, text=statement.said, fault=fault, detail=detail
    )


def _sentences(at: int, text: str) -> list[_Sentence]:
    return [
        _Sentence(
            passage=at,
            place=place,
            start=start,
            end=end,
            text=text[start:end],
            words=content_words(text[start:end]),
            numbers=frozenset(numbers_in(text[start:end])),
            denied=frozenset(denied_in(text[start:end])),
        )
        for place, (start, end) in enumerate(sentences(text))
    ]
