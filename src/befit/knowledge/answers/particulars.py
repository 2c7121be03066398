"""What of a sentence must not change: its numbers, its names, and what it denies."""

from __future__ import annotations

import re
from collections.abc import Iterable

from befit.knowledge.index.words import analyzer, encodable

_NUMBER = re.compile(r"\d+(?:[.,'\u2019\u00a0\u202f]\d+)*")
_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)?")
_BULLET = re.compile(r"^\s*(?:[-*+\u2022]|\d{1,3}[.)])\s+", re.MULTILINE)
_LABEL = re.compile(r"^\W*(?:\*\*|__)[^*\n]+(?::(?:\*\*|__)|(?:\*\*|__):)")
_ORNAMENT = " \t*_\"'(\u201c\u2018"
_BEGINS = ("", ".", "!", "?", ":", "|", "#", "\n")
_MOST_TITLE_WORDS = 12
_ONES = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    *("eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen"),
    "nineteen",
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth")
_NUMBER_WORDS = (
    {word: value for value, word in enumerate(_ONES)}
    | {word: 10 * value for value, word in enumerate(_TENS, start=2)}
    | {word: value for value, word in enumerate(_ORDINALS, start=1)}
    | {"half": 0.5, "twice": 2, "hundred": 100, "thousand": 1000, "dozen": 12}
)
_VAGUE = frozenset({"0.5", "1", "2"})

_DENIES_WHAT_FOLLOWS = re.compile(
    r"\b(?:not(?!\s+only)|no(?!\s+(?:later|longer|more|less|fewer)\s+than)|never|none|nobody|"
    r"nothing|neither|nor|cannot|without)\b|n['\u2019]t\b",
    re.IGNORECASE,
)
_DENIES_ALL = re.compile(
    r"\b(?:forbid\w*|forbad\w*|prohibit\w*|refus\w+|declin\w+|den(?:y|ies|ied)|exclud\w+|"
    r"unable|impossible|ban(?:s|ned)?)\b",
    re.IGNORECASE,
)
_CLAUSE_END = re.compile(r"[.;:!?,()]|\b(?:but|unless|except|although|while|whereas)\b", re.I)
_REACH = 4
"""Words that a denial reaches."""


def numbers_in(text: str) -> set[str]:
    """The numbers of a text, each in one way of writing: `1,000` and "thousand" are `1000`."""
    text = _BULLET.sub(" ", text)
    digits = {plain_number(match[0]) for match in _NUMBER.finditer(text)}
    return digits | _in_words(text)


def counts_in(text: str) -> set[str]:
    """The same without "one", "second" and their like, which often count nothing."""
    text = _BULLET.sub(" ", text)
    digits = {plain_number(match[0]) for match in _NUMBER.finditer(text)}
    return digits | (_in_words(text) - _VAGUE)


def _in_words(text: str) -> set[str]:
    values = (_NUMBER_WORDS.get(match[0].lower()) for match in _WORD.finditer(text))
    return {f"{value:g}" for value in values if value is not None}


def names_in(text: str) -> set[str]:
    """The words that are written like names: with a capital inside a sentence, or all capitals.

    A label such as "**Small Print:**" is written so, too, and is no name.
    """
    text = _BULLET.sub("", text)
    text = _LABEL.sub("", text)
    words = list(_WORD.finditer(text))
    if _is_title(text):
        return set()
    names = set[str]()
    for match in words:
        word = match[0]
        begins = text[: match.start()].rstrip(_ORNAMENT)[-1:] in _BEGINS
        is_shouted = len(word) > 1 and word.isupper()
        if is_shouted or (word[0].isupper() and not begins):
            names.update(stem for stem in analyzer().analyze(encodable(word)) if len(stem) > 1)
    return names


def _is_title(text: str) -> bool:
    """Whether a short line has no end and most of its words have capitals."""
    words = [match[0] for match in _WORD.finditer(text)]
    capitals = sum(word[0].isupper() for word in words)
    is_open = text.rstrip(" *_")[-1:] not in {".", "!", "?"}
    return is_open and len(words) <= _MOST_TITLE_WORDS and 2 * capitals > len(words)


def denied_in(text: str) -> set[str]:
    """The words that a text denies, as the index knows them."""
    tokens = analyzer().pre_tokenize(encodable(text)).tokens
    stems = [(token.char_offset_from, token.text) for token in tokens]
    ends = [match.start() for match in _CLAUSE_END.finditer(text)]
    denied = set[str]()
    for match in _DENIES_WHAT_FOLLOWS.finditer(text):
        end = min((end for end in ends if end >= match.end()), default=len(text))
        reached = [stem for at, stem in stems if match.end() <= at < end][:_REACH]
        denied.update(reached or _before(stems, ends, match.start()))
    for match in _DENIES_ALL.finditer(text):
        end = min((end for end in ends if end >= match.end()), default=len(text))
        denied.update([stem for at, stem in stems if match.end() <= at < end][:_REACH])
        denied.update(_before(stems, ends, match.start()))
    return denied


def _before(stems: Iterable[tuple[int, str]], ends: Iterable[int], at: int) -> list[str]:
    begin = max((end for end in ends if end < at), default=0)
    return [stem for place, stem in stems if begin <= place < at][-_REACH:]


def plain_number(number: str) -> str:
    """One way to write a number: no separators between thousands, no zeros in front."""
    digits = re.sub(r"[,'\u2019\u00a0\u202f](?=\d{3}(?!\d))", "", number).replace(",", ".")
    parts = digits.split(".")
    if len(parts) > 2:  # a date or a version
        return ".".join(part.lstrip("0") or "0" for part in parts)
    whole = parts[0].lstrip("0") or "0"
    fraction = parts[1].rstrip("0") if len(parts) > 1 else ""
    return f"{whole}.{fraction}" if fraction else whole
