"""`statements_in`: a written answer cut into what it states, with the marks that each bears.

A mark is `[1]`, `[1, 3]` or `[1-3]`, in a sentence or behind its full stop.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto

from befit.knowledge.answers.function_words import function_words
from befit.knowledge.chunking import sentences
from befit.knowledge.index import WeightedText, words_of

_MARK = re.compile(r"\[\^?(\d{1,3}(?:\s*[,;\u2013-]\s*\d{1,3})*)\]")
_RANGE = re.compile(r"(\d+)\s*[\u2013-]\s*(\d+)")
_MOST_CITED = 50
_NUMBERING = re.compile(r"(?<!\S)(\d{1,2})[.)](?=\s)")
_LEAST_ITEMS = 2
_MOST_LABEL_WORDS = 3

_LEADS_OVER = re.compile(r"#{1,6}\s|(\*\*|__)[^*\n]+\1:?$|[^\n]*:(\*\*|__)?$")
_RULE = re.compile(r"[|\s:-]*-{3}[|\s:-]*$")
_LABEL = re.compile(r"#{1,6}\s|(\*\*|__)[^*\n]+\1:?$|\*\*[^*\n]+:\*\*$")
_ABOUT_DOCUMENTS = re.compile(
    r"\b(documents?|passages?|sources?|texts?|contexts?|handbooks?)(\s+\w+){0,3}?\s+"
    r"((do|does|did|has|have)\s+not\b|(do|does|did|has|have)n['\u2019]t\b|(contains?|says?|"
    r"gives?|provides?|mentions?|holds?|includes?)\s+(no|nothing)\b)"
    r"|\b(no|not\s+any)\s+(further\s+|other\s+|specific\s+)*"
    r"(information|mention|details?|passages?|documents?)\b",
    re.IGNORECASE,
)
_OPENER = re.compile(r"\W*(yes|no|correct|indeed|exactly|right)\W*$", re.IGNORECASE)

TALK = frozenset(
    words_of(
        [
            WeightedText(
                text="hello hi dear thanks thank welcome glad happy sure certainly course please "
                "answer question ask help helps hope let know feel free further here summary "
                "summarize short brief briefly overall conclusion conclude based according "
                "provided given following follows listed below above also additionally moreover "
                "however therefore document documents passage passages source sources "
                "information detail details say says said state states mention yes no note "
                "important point points key main overview regards sincerely good great"
            )
        ]
    )
)


class Kind(Enum):
    """What a statement has to show."""

    CLAIM = auto()  # cites a passage that says it
    ASIDE = auto()  # leads over, or says that the documents do not say: adds nothing
    LABEL = auto()  # a short heading
    TALK = auto()  # states nothing


@dataclass(frozen=True, kw_only=True, slots=True)
class Statement:
    """One sentence, list item or table row of an answer.

    Attributes:
        start, end: characters of the answer, marks included.
        said: what it says, without its marks.
        cited: the numbers of its marks, in order, each once.
    """

    start: int
    end: int
    said: str
    cited: tuple[int, ...]
    kind: Kind


def statements_in(text: str) -> tuple[Statement, ...]:
    """What an answer states, in order; together all of it that holds a word."""
    marks = list(_MARK.finditer(text))
    plain = _without_numbering(_MARK.sub(lambda mark: " " * len(mark[0]), text))
    found = [
        Statement(start=start, end=end, said=plain[start:end].strip(), cited=(), kind=Kind.CLAIM)
        for start, end in sentences(plain)
    ]
    _give(found, marks, text)
    return tuple(_classified(_with_openers(found, plain), plain))


def _without_numbering(text: str) -> str:
    """The text with blanks for the numbers of a list, also one within a line: "1. .. 2. .."."""
    expected, places = 1, list[tuple[int, int]]()
    for match in _NUMBERING.finditer(text):
        if int(match[1]) in {expected, 1}:
            places.append(match.span())
            expected = int(match[1]) + 1
    if len(places) < _LEAST_ITEMS:
        return text
    blank = set(places)
    return _NUMBERING.sub(
        lambda match: " " * len(match[0]) if match.span() in blank else match[0], text
    )


def _give(statements: list[Statement], marks: Sequence[re.Match[str]], text: str) -> None:
    """Give each mark to the statement it stands in, or behind on the same line."""
    if not statements:
        return
    starts = [each.start for each in statements]  # rising, and they stay so
    for mark in marks:
        at = before = max(bisect_right(starts, mark.start()) - 1, 0)
        own = statements[before]
        is_behind = text.find("\n", own.end, mark.start()) >= 0
        if is_behind and before + 1 < len(statements):
            at = before + 1
        given = statements[at]
        starts[at] = min(starts[at], mark.start())
        statements[at] = replace(
            given,
            start=starts[at],
            end=max(given.end, mark.end()),
            cited=tuple(dict.fromkeys([*given.cited, *_numbers(mark[1])])),
        )


def _numbers(marked: str) -> list[int]:
    numbers = list[int]()
    for part in re.split(r"[,;]", marked):
        span = _RANGE.fullmatch(part.strip())
        if span:
            first, last = int(span[1]), int(span[2])
            numbers.extend(range(first, min(last, first + _MOST_CITED) + 1))
        else:
            numbers.append(int(part))
    return numbers


def _with_openers(statements: Sequence[Statement], plain: str) -> Iterator[Statement]:
    """A "Yes." states nothing by itself: it belongs to the sentence that it opens."""
    opener: Statement | None = None
    for each in statements:
        if opener is not None:
            yield replace(
                each,
                start=opener.start,
                said=plain[opener.start : each.end].strip(),
                cited=(*opener.cited, *(n for n in each.cited if n not in opener.cited)),
            )
            opener = None
        elif _OPENER.fullmatch(each.said):
            opener = each
        else:
            yield each
    if opener is not None:
        yield opener


def _classified(statements: Iterator[Statement], plain: str) -> Iterator[Statement]:
    for each in statements:
        words = words_of([WeightedText(text=each.said)])
        if not words and not _OPENER.fullmatch(each.said):
            continue
        yield replace(each, kind=_kind(each, frozenset(words), plain))


def _kind(statement: Statement, words: frozenset[str], plain: str) -> Kind:
    if _OPENER.fullmatch(statement.said):
        return Kind.CLAIM
    words -= function_words()
    if words and words <= TALK and not statement.cited:
        return Kind.TALK
    if len(words) <= _MOST_LABEL_WORDS and _LABEL.match(statement.said):
        return Kind.LABEL
    if statement.cited:
        return Kind.CLAIM
    is_header = "|" in statement.said and _RULE.match(_line_behind(plain, statement.start))
    if is_header or _LEADS_OVER.match(statement.said) or _ABOUT_DOCUMENTS.search(statement.said):
        return Kind.ASIDE
    return Kind.CLAIM


def _line_behind(text: str, at: int) -> str:
    """The line behind the one that a place is in."""
    end = text.find("\n", at)
    return "" if end < 0 else text[end + 1 :].split("\n", 1)[0]
