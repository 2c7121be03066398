"""`mentions_in`: which of many alike a text speaks of: scanner 5, band P9, 2023, Cloudbury.

A mention is a value in a slot, and different values in one slot are rivals: `scanner #` takes
2 and 5, `p#` takes P7 and P9, `year` takes 2023, `in ~` and `~ site` take names, `* department`
takes finance. Where a question asks for one value, a text about another is no answer, however
alike both read.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from befit.knowledge.answers.function_words import function_words
from befit.knowledge.answers.kinds import (
    DAYS,
    GENERIC,
    KINDS,
    LEADING_OVER,
    MONTHS,
    PLACING,
    TIMING,
    UNITS,
)
from befit.knowledge.answers.particulars import plain_number
from befit.knowledge.index.words import MOST_QUERY_CHARS, analyzer, encodable

YEAR = "year"
MONTH = "month"

_NUMBER = r"\d+(?:[.,'\u2019]\d+)*"
_CODE = r"[^\W\d_]{1,8}[-./]?\d\w*(?:[-./]\w+)*"
_VALUE = rf"(?<!\w)(?:{_NUMBER}|{_CODE})(?!\w)"
_LINK = r"\s*(?:,\s*and|,\s*or|,|/|&|\band\b|\bor\b|\bto\b|\bthrough\b|-|\u2013|\u2014)\s*"
_LABELS = re.compile(
    r"(?:(?<!\w)(?P<head>[^\W\d_]{1,40})[\s:#(\"'\u201c*_]{1,3}(?:no\.?\s*|nr\.?\s*)?)?"
    rf"(?P<values>{_VALUE}(?:{_LINK}{_VALUE})*)",
    re.IGNORECASE,
)
_ONE = re.compile(rf"(?P<link>{_LINK})?(?P<value>{_VALUE})", re.IGNORECASE)
_JOINED = re.compile(r"\s*(?:,|/|&|\band\b|\bor\b|,\s*and\b|,\s*or\b)\s*", re.IGNORECASE)
_SPANS = re.compile(r"\s*(?:to|through|-|\u2013|\u2014)\s*$", re.IGNORECASE)
_COUNTED = re.compile(r"[ \u00a0\u202f]?(?P<unit>%|[^\W\d_]+)")
_OPEN_ENDED = re.compile(r"\b(?:since|after|from|before|until|till|by)\s*$", re.IGNORECASE)
_DAY_BEFORE = re.compile(rf"\d(?:st|nd|rd|th)?\.?\s+(?:of\s+)?(?:{'|'.join(MONTHS)})\s*$", re.I)
_DATING = re.compile(r"\b(?:in|since|during|years?|after|before|until|till)\s*$", re.IGNORECASE)
_SENTENCE_ENDS = ("", ".", "!", "?", ":", "|", "\n")
_ORNAMENT = " \t*_\"'(\u201c\u2018"
_YEAR = re.compile(r"(?:19|20)\d\d")
_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)?")
_DIGITS = re.compile(r"\d+")
_LOOKBACK = 24
_ALSO_VERBS = frozenset({"may", "march"})
_MOST_BETWEEN = 2
"""Function words between a name and what is said of it: "Ribwell is paid"."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Mentions:
    """What a text speaks of.

    Attributes:
        values: the values in each slot, each in one way of writing.
        ranges: first and last value of spans such as "rooms 1 to 9", by slot.
        words: everything that stands in the text, as values are written.
    """

    values: Mapping[str, frozenset[str]]
    ranges: Mapping[str, Sequence[tuple[str, str]]]
    words: frozenset[str]

    def holds(self, slot: str, value: str) -> bool:
        """Whether a slot takes a value, by itself or within a span."""
        spans = self.ranges.get(slot, ())
        return value in self.values.get(slot, ()) or any(_lies_in(value, span) for span in spans)


def mentions_in(text: str, *, is_question: bool = False) -> Mentions:
    """Read a sentence, a passage, a title or a question.

    Any word at the beginning of a sentence has a capital. In documents it may be a name, since
    what is told of it is a rival to what is asked of another; in a question it is taken for none.
    Who asks without capitals names a place by "in" alone.
    """
    reader = _Reader(text[:MOST_QUERY_CHARS], is_question=is_question)
    reader.read_labels()
    reader.read_names()
    reader.read_months()
    reader.read_kinds()
    return reader.mentions()


class _Reader:
    def __init__(self, text: str, *, is_question: bool) -> None:
        self._text = text
        self._is_question = is_question
        self._is_lower = is_question and text == text.lower()
        self._words = list(_WORD.finditer(text))
        self._stems = [_stem(word[0]) for word in self._words]
        self._values: defaultdict[str, set[str]] = defaultdict(set)
        self._ranges: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
        self._labels = set[str]()
        self._dated = set[str]()

    def mentions(self) -> Mentions:
        if self._dated and YEAR not in self._values:
            # Beside another year, the day something was done does not say which year it is of.
            self._values[YEAR] = self._dated
        return Mentions(
            values={slot: frozenset(values) for slot, values in self._values.items()},
            ranges=dict(self._ranges),
            words=frozenset({*self._stems, *self._labels} - {""}),
        )

    def read_labels(self) -> None:
        """Numbers and codes, with the word before them: "scanners 2 and 5", "P7", "in 2023"."""
        for match in _LABELS.finditer(self._text):
            head = self._head(match)
            before = ""
            for one in _ONE.finditer(match["values"]):
                value = _plain_value(one["value"])
                self._labels.add(value)
                end = match.start("values") + one.end()
                slots = [*self._slots(head, one["value"], end)]
                if YEAR in slots and self._is_of_a_date(match.start("values")):
                    slots.remove(YEAR)
                    self._dated.add(value)
                for slot in slots:
                    self._values[slot].add(value)
                    if before and one["link"] and _SPANS.match(one["link"]):
                        self._ranges[slot].append((before, value))
                if YEAR in slots and self._is_open_ended(match.start("values")):
                    self._ranges[YEAR] += [("0", value), (value, "9999")]
                before = value

    def _is_of_a_date(self, at: int) -> bool:
        """Whether a year belongs to a day: "14 December 2023"."""
        return bool(_DAY_BEFORE.search(self._text, max(0, at - _LOOKBACK), at))

    def _is_open_ended(self, at: int) -> bool:
        return bool(_OPEN_ENDED.search(self._text, max(0, at - _LOOKBACK), at))

    def _head(self, match: re.Match[str]) -> str | None:
        head = match["head"]
        if head is None or head.lower() in MONTHS | DAYS | UNITS | TIMING:
            return None
        return head if _stem(head) else None

    def _slots(self, head: str | None, value: str, end: int) -> Iterator[str]:
        is_code = not value[0].isdigit()
        is_counted = not is_code and self._is_counted(end)
        if head is not None and (head[0].isupper() or not is_counted):
            yield f"{_stem(head)} #"
        if is_code:
            yield _DIGITS.sub("#", _plain_value(value), count=1)
        elif _YEAR.fullmatch(value):
            start = end - len(value)
            is_dated = _DATING.search(self._text, max(0, start - _LOOKBACK), start)
            if is_dated or not is_counted:
                yield YEAR

    def _is_counted(self, end: int) -> bool:
        """Whether a number says how many: "20 people", "2000 crowns"."""
        behind = _COUNTED.match(self._text, end)
        if behind is None:
            return False
        unit = behind["unit"].lower()
        is_plural = unit.endswith("s") and not unit.endswith("ss") and bool(_stem(unit))
        return unit in UNITS or is_plural

    def read_names(self) -> None:
        """Words with a capital inside a sentence: "in Port Puddle", "Mistwick's site"."""
        joined = list[tuple[int, int]]()
        for first, last in self._names():
            if joined and not self._joins(joined[-1][1], first):
                self._put_names(joined)
                joined = []
            joined.append((first, last))
        self._put_names(joined)

    def _put_names(self, joined: Sequence[tuple[int, int]]) -> None:
        """Names side by side, such as "Ribwell and Clothier", stand in the slots of each."""
        names = {self._stems[last] for _, last in joined}
        for first, last in joined:
            for slot in (self._slot_before(first), self._slot_behind(last)):
                if slot is not None:
                    self._values[slot] |= names

    def _joins(self, last: int, first: int) -> bool:
        """Whether two names are side by side."""
        between = self._text[self._words[last].end() : self._words[first].start()]
        return bool(_JOINED.fullmatch(between))

    def _names(self) -> Iterator[tuple[int, int]]:
        """First and last word of each name; none in a text that is all capitals."""
        capitals = [self._is_capital(at) for at in range(len(self._words))]
        if 2 * sum(capitals) > len(capitals) > 2:
            return
        first: int | None = None
        for at, is_capital in enumerate([*capitals, False]):
            goes_on = is_capital and first is not None and self._is_next(at - 1)
            if first is not None and not goes_on:
                yield first, at - 1
                first = None
            if is_capital and first is None:
                first = at

    def _is_capital(self, at: int) -> bool:
        """Whether a word is written like a name."""
        word = self._words[at][0]
        is_code = any(each.isdigit() for each in word)
        if is_code or not self._stems[at] or word.lower() in MONTHS | DAYS | UNITS:
            return False
        if self._is_lower:
            return at > 0 and self._words[at - 1][0] == "in"
        return word[0].isupper() and not (self._is_question and self._opens(at))

    def _opens(self, at: int) -> bool:
        """Whether a word begins a sentence."""
        start = self._words[at].start()
        before = self._text[max(0, start - _LOOKBACK) : start].rstrip(_ORNAMENT)
        return before[-1:] in _SENTENCE_ENDS

    def _is_next(self, at: int) -> bool:
        """Whether only a blank is between a word and the next."""
        if at + 1 >= len(self._words):
            return False
        return self._text[self._words[at].end() : self._words[at + 1].start()] in {" ", " & ", "-"}

    def _slot_before(self, at: int) -> str | None:
        if at == 0 or not self._is_next(at - 1):
            return None
        before = self._words[at - 1][0].lower()
        if before in PLACING:
            return f"{before} ~"
        return f"{self._stems[at - 1]} ~" if self._stems[at - 1] else None

    def _slot_behind(self, at: int) -> str | None:
        for place in range(at, min(at + 1 + _MOST_BETWEEN, len(self._words) - 1)):
            if not self._is_next(place):
                return None
            word = self._words[place + 1][0].lower()
            if not self._stems[place + 1] and word not in LEADING_OVER:
                return None
            if self._stems[place + 1]:
                is_label = self._words[place + 1][0][0].isdigit()
                return None if is_label else f"~ {self._stems[place + 1]}"
        return None

    def read_months(self) -> None:
        """Months that something is of: "in April", "rota March 2026"; not those of a day."""
        for at, word in enumerate(self._words):
            month = word[0].lower()
            is_verb = month in _ALSO_VERBS and not self._is_placed(at)
            if month not in MONTHS or (is_verb and (word[0].islower() or self._opens(at))):
                continue
            self._labels.add(month)
            if not (at and self._words[at - 1][0][0].isdigit()):
                self._values[MONTH].add(month)

    def _is_placed(self, at: int) -> bool:
        return at > 0 and self._words[at - 1][0].lower() in PLACING

    def read_kinds(self) -> None:
        """What is told apart by the word before it: "the finance department"."""
        for at in range(1, len(self._words)):
            kind = _singular(self._words[at][0])
            if kind not in KINDS or not self._is_next(at - 1):
                continue
            which, stem = self._words[at - 1][0].lower(), self._stems[at - 1]
            if self._is_hyphened(at - 1):
                stem = f"{self._stems[at - 2]}-{stem}"  # part-time is not full-time
                self._labels.add(stem)
            if stem and which not in GENERIC and not which[0].isdigit():
                self._values[f"* {kind}"].add(stem)

    def _is_hyphened(self, at: int) -> bool:
        """Whether a word is joined to the one before it."""
        if at == 0:
            return False
        return self._text[self._words[at - 1].end() : self._words[at].start()] == "-"


def _stem(word: str) -> str:
    """A word as the index knows it; empty where it says nothing by itself."""
    stems = analyzer().analyze(encodable(_without_possessive(word)))
    stem = stems[0] if len(stems) == 1 else ""
    return "" if stem in function_words() or len(stem) < 2 else stem


def _without_possessive(word: str) -> str:
    return re.sub(r"['\u2019]s?$", "", word)


def _singular(word: str) -> str:
    plain = _without_possessive(word.lower())
    return plain if plain in KINDS else plain.removesuffix("s")


def _plain_value(value: str) -> str:
    if value[0].isdigit():
        return plain_number(value)
    return re.sub(r"[-./]", "", value.casefold())


def _lies_in(value: str, span: tuple[str, str]) -> bool:
    """Whether a value is between two others that are written like it: P6 in P5 to P9."""
    numbers = [_DIGITS.findall(each) for each in (value, *span)]
    shapes = {_DIGITS.sub("#", each) for each in (value, *span)}
    if len(shapes) > 1 or any(len(each) != 1 for each in numbers):
        return False
    own, first, last = (int(each[0]) for each in numbers)
    return first <= own <= last
