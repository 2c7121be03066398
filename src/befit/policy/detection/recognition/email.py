"""E-mail addresses, also those written with `[at]` and `[dot]`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from befit.policy.detection.finding import Span
from befit.policy.detection.recognition.stretch import Stretch

TYPE = "EMAIL_ADDRESS"

_DOT = r"(?:\.| ?[\[({]dot[\])}] ?)"
_LABELS = rf"(?:[\w-]{{1,63}}+{_DOT}){{1,8}}"
_LAST = r"(?:xn--[\w-]{2,59}|[^\W\d_]{2,24})(?![\w-])"
_AT = re.compile(rf"(?:@|[\[({{]at[\])}}] ?)({_LABELS}{_LAST})", re.IGNORECASE)
_SIGNS = ("@", "[at", "(at", "{at")
"""One of them stands in any text that holds an address."""
_LOCAL_BACKWARDS = re.compile(r"[\w.%+~'-]{1,64}+")
_LONGEST_LOCAL = 64
_EDGES = ".%+~'-"
_FILE_ENDINGS = frozenset({"png", "jpg", "jpeg", "gif", "svg", "webp", "js", "css", "py", "json"})
"""As in `logo@2x.png`, which is no address."""


def emails(stretch: Stretch) -> Iterator[Span]:
    """E-mail addresses."""
    if not any(sign in stretch.lowered for sign in _SIGNS):
        return
    text = stretch.text
    for match in _AT.finditer(text):
        start = _start_of_local(text, match.start())
        ending = match[1].rpartition(".")[2].lower()
        if start is not None and ending not in _FILE_ENDINGS:
            yield Span(start=start, end=match.end(), type=TYPE)


def _start_of_local(text: str, at: int) -> int | None:
    """Where the part before the @ begins; None where none stands there."""
    end = at - 1 if text[at] != "@" and text[at - 1 : at] == " " else at
    before = text[max(0, end - _LONGEST_LOCAL) : end]
    match = _LOCAL_BACKWARDS.match(before[::-1])
    if match is None or before.endswith("."):
        return None
    local = match[0][::-1].lstrip(_EDGES)
    # `git@host:path` names a repository, not a person.
    if not local or local == "git":
        return None
    return end - len(local)
