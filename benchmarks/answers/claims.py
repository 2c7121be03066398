"""How many wrong claims the fixed rules find, and how many right ones they refuse.

Answers of people and of two large models whose faithfulness three people judged, each of their
sentences marked with all passages that were given; and sentences that pass, made wrong by hand
in one respect each.
"""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from befit.knowledge.answers import check_written
from befit.knowledge.answers.particulars import denied_in
from befit.knowledge.chunking import sentences
from befit.knowledge.retrieval import Question, Support
from befit.knowledge.search import Found, FoundPassage
from befit.vocabulary import DataClass
from benchmarks.answers.figures import Figure, share
from benchmarks.answers.questions import Turn, question_of
from benchmarks.retrieval.collections import CONVERSATIONS, data_folder, lines

_FAITHFUL, _UNFAITHFUL = 3.6, 2.8  # of four, the mean of three judges
_LEAST_WORDS = 6
_SEED = 3
_NUMBER = re.compile(r"\d+")
_NAME = re.compile(r"(?<=[a-z] )([A-Z][a-z]{3,})\b")
_VERB = re.compile(r"\b(is|are|can|will|must|should|may|was|were|does|do)\b(?! not)")
_DENIAL = re.compile(r"\b(is|are|can|will|must|should|may|was|were|does|do) not\b")


class _Context(msgspec.Struct):
    document_id: str
    text: str


class _Response(msgspec.Struct):
    response: str
    annotations: dict[str, object]

    @property
    def faithfulness(self) -> float:
        ratings = msgspec.convert(self.annotations["faithfulness"], dict[str, str])
        return float(np.mean([int(rating) for rating in ratings.values()]))


class _Judged(msgspec.Struct):
    input: list[Turn]
    contexts: list[_Context]
    model_responses: list[_Response]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Case:
    """A claim that passes, with the passages that it cites."""

    text: str
    cited: tuple[int, ...]
    found: Found
    question: Question


def claim_figures() -> Iterator[Figure]:
    """All figures of written answers."""
    path = data_folder() / CONVERSATIONS / "dev" / "mtrag_human_judged.jsonl.gz"
    judged = [each for each in lines(path, _Judged) if each.contexts]
    cases = list[_Case]()
    refused = defaultdict[str, list[bool]](list)
    claims = list[bool]()
    for each in judged:
        found, question = _found(each.contexts), question_of(each.input)
        for response in each.model_responses:
            text = _marked(response.response, len(found.passages))
            written = check_written(text, found, question=question)
            side = _side(response.faithfulness)
            refused[side].append(bool(written.unsupported))
            if side == "faithful":
                claims += [claim.fault is not None for claim in written.claims]
                cases += [
                    _Case(
                        text=claim.text,
                        cited=_numbers(found, [c.passage_id for c in claim.citations]),
                        found=found,
                        question=question,
                    )
                    for claim in written.claims
                    if claim.fault is None and len(claim.text.split()) >= _LEAST_WORDS
                ]
    yield share("written, judged faithful: refused (false alarm)", refused["faithful"])
    yield share("  single claims of those: refused", claims)
    yield share("  judged unfaithful: refused", refused["unfaithful"])
    yield share("  judged between: refused", refused["between"])
    yield from _changed_figures(cases)


def _side(faithfulness: float) -> str:
    if faithfulness >= _FAITHFUL:
        return "faithful"
    return "unfaithful" if faithfulness < _UNFAITHFUL else "between"


def _changed_figures(cases: Sequence[_Case]) -> Iterator[Figure]:
    draws = random.Random(_SEED)
    everywhere = sorted({name for case in cases for name in _NAME.findall(_texts(case.found))})
    found = defaultdict[str, list[bool]](list)
    for case in cases:
        if _is_refused(case, case.text, case.cited):
            continue  # it passed with more citations than it rests on
        for change, text in _changes(case, everywhere, draws):
            found[change].append(_is_refused(case, text, case.cited))
        others = [n for n in range(1, len(case.found.passages) + 1) if n not in case.cited]
        if others:
            moved = (draws.choice(others),)
            found["citation moved to another passage"].append(_is_refused(case, case.text, moved))
        found["citation left out"].append(_is_refused(case, case.text, ()))
    for change in sorted(found):
        yield share(f"  {change}: found", found[change])


def _changes(
    case: _Case, everywhere: Sequence[str], draws: random.Random
) -> Iterator[tuple[str, str]]:
    text, passages = case.text, _texts(case.found)
    numbers = list(_NUMBER.finditer(text))
    if numbers:
        chosen = draws.choice(numbers)
        strange = str(int(chosen[0][:9]) + draws.randint(1, 9))
        yield "number changed", _replaced(text, chosen, strange)
        others = sorted({n for n in _NUMBER.findall(passages) if n not in text})
        if others:
            yield (
                "number of elsewhere in the passages",
                _replaced(text, chosen, draws.choice(others)),
            )
    names = list(_NAME.finditer(text))
    strangers = [name for name in everywhere if name not in passages]
    if names and strangers:
        yield "name swapped", _replaced(text, draws.choice(names), draws.choice(strangers))
    verb, denial = _VERB.search(text), _DENIAL.search(text)
    if verb and not denied_in(text):
        yield "denied", f"{text[: verb.end()]} not{text[verb.end() :]}"
    if denial:
        yield "denial dropped", f"{text[: denial.end() - 4]}{text[denial.end() :]}"


def _replaced(text: str, match: re.Match[str], by: str) -> str:
    return text[: match.start()] + by + text[match.end() :]


def _is_refused(case: _Case, text: str, cited: Sequence[int]) -> bool:
    marked = text + "".join(f" [{number}]" for number in cited)
    return bool(check_written(marked, case.found, question=case.question).unsupported)


def _marked(text: str, passages: int) -> str:
    marks = "".join(f"[{number}]" for number in range(1, passages + 1))
    parts, last = list[str](), 0
    for _, end in sentences(text):
        parts.append(f"{text[last:end]} {marks}")
        last = end
    return "".join(parts) + text[last:]


def _numbers(found: Found, passage_ids: Sequence[str]) -> tuple[int, ...]:
    order = [each.passage_id for each in found.passages]
    return tuple(sorted({order.index(name) + 1 for name in passage_ids}))


def _texts(found: Found) -> str:
    return "\n".join(each.text for each in found.passages)


def _found(contexts: Sequence[_Context]) -> Found:
    passages = tuple(
        FoundPassage(
            collection=CONVERSATIONS,
            key=each.document_id,
            doc_id=each.document_id,
            passage_id=each.document_id,
            version="1",
            title="",
            text=each.text,
            start=0,
            end=len(each.text),
            page=None,
            score=0.0,
            data_class=DataClass.PUBLIC,
        )
        for each in contexts
    )
    return Found(passages=passages, support=Support(), index_epoch=0, access_epoch=0)
