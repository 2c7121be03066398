r"""Restoring: values back in place of their placeholders, in whole texts and in streams.

A model does not always copy a placeholder to the letter. `[Credit Card 1]`, `[ CREDIT-CARD_1 ]`
and markdown's `\[CREDIT\_CARD\_1\]` can mean nothing else, so they are restored as well. What
stands between brackets is compared by its key: letters and digits alone, in capitals.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

_BRACKETED = re.compile(r"\\?\[([^\[\]\n]{1,200})\]")
_IGNORED = re.compile(r"[\\_ -]+")
_NUMBERED = re.compile(r"[A-Z0-9]*[0-9]")
_SLACK = 4
"""A backslash before either bracket and a space within either."""


def placeholder_key(written: str) -> str:
    """What a placeholder is compared by, brackets and ways of writing left out."""
    return _IGNORED.sub("", written.strip("\\[]")).upper()


def placeholder_like(text: str) -> Iterator[str]:
    """The key of everything in a text that could be read as a placeholder."""
    for match in _BRACKETED.finditer(text):
        key = placeholder_key(match[1])
        if _NUMBERED.fullmatch(key):
            yield key


class Restorer:
    """Puts values back where their placeholders stand. From any thread."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._given = values
        self._values = {placeholder_key(key): value for key, value in values.items()}
        # Each underscore may have a backslash of its own.
        longest = max((len(key) + key.count("_") for key in values), default=0) + _SLACK
        self._longest = longest if values else 0
        self._bracketed = re.compile(rf"\\?\[([^\[\]\n]{{1,{max(longest, 1)}}})\]")

    def restore(self, text: str) -> str:
        """The text with every placeholder replaced by its value; all else as it is."""
        if not self._values or "[" not in text:
            return text
        return self._bracketed.sub(self._value, text)

    def inside_json(self) -> Restorer:
        """The same for texts that are JSON themselves: quotes and line ends are escaped."""
        return Restorer({key: json.dumps(value)[1:-1] for key, value in self._given.items()})

    def stream(self) -> StreamRestorer:
        """A restorer for one text that comes in parts."""
        return StreamRestorer(self)

    def settled(self, text: str) -> int:
        """Up to where a text cannot change any more, whatever follows it."""
        if not self._values:
            return len(text)
        start = text.rfind("[", max(0, len(text) - self._longest - 2))
        if start >= 0 and self._may_begin(text[start + 1 :]):
            return start - 1 if text[:start].endswith("\\") else start
        return len(text) - 1 if text.endswith("\\") else len(text)

    def _may_begin(self, tail: str) -> bool:
        """Whether what follows a bracket can become a placeholder's inside."""
        if len(tail) > self._longest or "]" in tail or "\n" in tail:
            return False
        key = placeholder_key(tail)
        return any(known.startswith(key) for known in self._values)

    def _value(self, match: re.Match[str]) -> str:
        return self._values.get(placeholder_key(match[1]), match[0])


class StreamRestorer:
    """Restores one text that comes in parts; holds back at most one unfinished placeholder.

    What `feed` and `end` return is together exactly what `Restorer.restore` makes of the whole
    text, however it was cut.
    """

    def __init__(self, restorer: Restorer) -> None:
        self._restorer = restorer
        self._held = ""

    def feed(self, part: str) -> str:
        """What can be told by now."""
        text = self._held + part
        settled = self._restorer.settled(text)
        self._held = text[settled:]
        return self._restorer.restore(text[:settled])

    def end(self) -> str:
        """What was held back and turned out to be no placeholder."""
        held, self._held = self._held, ""
        return held
