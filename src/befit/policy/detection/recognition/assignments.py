"""Secrets known by the word beside them: passwords, keys, credentials in addresses.

    password: Tr0ub4dor&3      api_key = "9f8e7d6c5b4a39281706"      postgres://app:s3cret@db/x

A word alone proves nothing ("password: required"), so a value has to look like one that nobody
would write otherwise: not a plain word, not a placeholder, not the name of a variable.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator

from befit.policy.detection.finding import Span
from befit.policy.detection.recognition.stretch import Stretch

TYPE = "SECRET"

_PASSWORD_STEMS = (
    *("passw", "passphrase", "passcode", "pwd", "kennwort", "contraseña", "mot de passe", "senha"),
    *("wachtwoord", "hasło", "lösenord", "salasana"),
)
_KEY_STEMS = ("key", "secret", "token", "credential", "authorization")
_KEY_BEFORE = re.compile(
    r"(?:api|access|account|auth|client|encryption|private|secret|service|shared|signing|storage"
    r"|subscription|license|master|webhook)[ _-]?\Z"
)
_LONGEST_BEFORE = 13

_LINK = r"[\"'`*_]{0,3}[^\S\n]{0,4}(?::=|=>|[:=]|(?:is|ist|est|es|är)[^\S\n])[^\S\n]{0,4}"
_VALUE = r"(\"[^\"\n]{4,256}\"|'[^'\n]{4,256}'|`[^`\n]{4,256}`|[^\s\"'`,;<>{}()\[\]]{4,256})"
_ASSIGNED = re.compile(
    rf"[\w-]{{0,20}}+{_LINK}(?:(?:bearer|basic|token)[^\S\n]+)?{_VALUE}",
)
_BEARER = re.compile(r"(?<!\w)bearer[^\S\n]+([0-9a-z._~+/=-]{16,2000})")
_IN_ADDRESS = re.compile(r"://[^\s/:@\"'<>]{0,64}+:([^\s/@\"'<>]{3,128})@(?=[\w\[])")

_PLACEHOLDER = re.compile(r"[x*•.·#_-]+\Z|\$[{(]|\$[a-z_]+\Z|%[a-z_]+%\Z|env[:.]|file:|os\.environ")
_PLACEHOLDER_WORDS = re.compile(
    r"example|change[_-]?me|placeholder|redacted|your[_-]|my[_-]|secret|password|passwort|token"
    r"|hidden|none|null|undefined|required"
)
_CALL_OR_NAME = re.compile(r"[a-z_][a-z_]*(?:[.\[(].*|_[a-z_]*)?", re.IGNORECASE)
_SIGNS = re.compile(r"[./:@-]")
_LEAST_KEY = 12
_LEAST_PART = 8
_LEAST_BITS = 2.8
"""Bits a character; words of a language have about two, random hex has up to four."""


def assignments(stretch: Stretch) -> Iterator[Span]:
    """Values that a word beside them makes secret."""
    lowered = stretch.lowered
    for stem in _PASSWORD_STEMS:
        for at in _places(lowered, stem):
            yield from _value(stretch, _ASSIGNED.match(lowered, at + len(stem)), _is_password)
    for stem in _KEY_STEMS:
        for at in _places(lowered, stem):
            if stem != "key" or _KEY_BEFORE.search(lowered[max(0, at - _LONGEST_BEFORE) : at]):
                yield from _value(stretch, _ASSIGNED.match(lowered, at + len(stem)), _is_key)
    for at in _places(lowered, "bearer"):
        yield from _value(stretch, _BEARER.match(lowered, at), _is_key)
    if "@" in lowered:
        for at in _places(lowered, "://"):
            yield from _value(stretch, _IN_ADDRESS.match(lowered, at), _is_credential)


def _places(text: str, word: str) -> Iterator[int]:
    """Where a word stands in a text."""
    at = text.find(word)
    while at >= 0:
        yield at
        at = text.find(word, at + len(word))


def _value(
    stretch: Stretch, match: re.Match[str] | None, is_secret: Callable[[str, bool], bool]
) -> Iterator[Span]:
    """The value that was matched, without its quotes, where it looks like a secret."""
    if match is None:
        return
    start, end = match.span(1)
    value = stretch.text[start:end]
    is_quoted = value[0] == value[-1] and value[0] in "\"'`"
    if is_quoted:
        start, end = start + 1, end - 1
    else:
        end -= len(value) - len(value.rstrip(".:?*_|"))
    value = stretch.text[start:end]
    if is_secret(value, is_quoted):
        yield Span(start=start, end=end, type=TYPE, score=0.8)


def _is_password(value: str, is_quoted: bool) -> bool:
    if len(value) < 4 or _is_placeholder(value):
        return False
    has_digit = any(map(str.isdigit, value))
    has_letter = any(map(str.isalpha, value))
    has_sign = any(not each.isalnum() and not each.isspace() for each in value)
    if is_quoted and " " not in value:
        return has_digit or has_sign or not value.islower()
    if _CALL_OR_NAME.fullmatch(value):
        return False
    return len(value) >= 6 and has_letter and (has_digit or has_sign) and " " not in value


def _is_key(value: str, _is_quoted: bool) -> bool:
    if len(value) < _LEAST_KEY or " " in value or _is_placeholder(value):
        return False
    if not any(map(_is_mixed, _SIGNS.split(value))):
        return False  # a path or a dotted name
    if value.startswith(("http://", "https://", "/")):
        return False
    return _bits_a_character(value) >= _LEAST_BITS


def _is_placeholder(value: str) -> bool:
    """Whether it stands for a secret that is elsewhere."""
    lowered = value.lower()
    if _PLACEHOLDER.match(lowered):
        return True
    # `Password123!` is somebody's; what is written for others to fill in has no digits.
    return bool(_PLACEHOLDER_WORDS.search(lowered)) and not any(map(str.isdigit, value))


def _is_mixed(part: str) -> bool:
    digits = sum(map(str.isdigit, part))
    return len(part) >= _LEAST_PART and 0 < digits < len(part)


def _is_credential(value: str, _is_quoted: bool) -> bool:
    return not _is_placeholder(value)


def _bits_a_character(value: str) -> float:
    """Shannon's entropy of the characters."""
    total = len(value)
    return -sum(n / total * math.log2(n / total) for n in Counter(value).values())
