"""From the bytes of a YAML file to its tree of nodes, safely.

Plain words are read as YAML 1.2 reads them, so a label `no` stays text. Nothing is ever
constructed here; size and depth are limited; what goes wrong is told without quoting the
file, which may hold a secret that was pasted into it.
"""

from __future__ import annotations

import re
from typing import Any

import yaml
from yaml.nodes import Node

MAX_BYTES = 512 << 10
MAX_DEPTH = 40

TAG = "tag:yaml.org,2002:"
"""What all of YAML's own tags begin with."""

CORE_WORDS: tuple[tuple[str, re.Pattern[str], str], ...] = (
    (f"{TAG}null", re.compile(r"(?:~|null|Null|NULL|)\Z"), "~nN"),
    (f"{TAG}bool", re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z"), "tTfF"),
    (f"{TAG}int", re.compile(r"[-+]?[0-9]+\Z"), "-+0123456789"),
    (
        f"{TAG}float",
        re.compile(
            r"(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
            r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z"
        ),
        "-+.0123456789",
    ),
)
"""What a plain word means beside text: tag, pattern, first characters (YAML 1.2 core)."""


def means(tag: str, text: str) -> bool:
    """Whether YAML itself gives a plain `text` this tag; an explicit tag may disagree."""
    return any(known == tag and pattern.match(text) for known, pattern, _ in CORE_WORDS)


class YamlFault(Exception):
    """A file that is not the YAML we read; carries no text of the file."""

    def __init__(self, what: str, *, line: int | None = None, next_step: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.line = line
        self.next_step = next_step


def decode_text(raw: bytes) -> str:
    """The text of a file of at most `MAX_BYTES`.

    Raises:
        YamlFault: too large, or not UTF-8.
    """
    if len(raw) > MAX_BYTES:
        raise YamlFault(f"more than {MAX_BYTES >> 10} KiB")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise YamlFault("bytes that are not UTF-8", line=line) from None


def compose_tree(text: str) -> Node | None:
    """The tree of nodes of a document, with marks; None for an empty one.

    Raises:
        YamlFault: the syntax is wrong, nested too deeply, or of more than one document.
    """
    try:
        return _Loader(text).get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = " ".join(filter(None, (error.context, _without_quotes(error.problem))))
        raise YamlFault(f"YAML error: {what}", line=mark.line + 1 if mark else None) from None
    except (yaml.YAMLError, ValueError, OverflowError):  # the latter from `"\UFFFFFFFF"`
        raise YamlFault("a character that YAML does not allow") from None


def _without_quotes(problem: str | None) -> str:
    # What PyYAML quotes may be a piece of a secret that was pasted into the file.
    return re.sub(r"'[^']*'|\"[^\"]*\"", "a character or word", problem or "")


class _Loader(yaml.SafeLoader):
    """Composes nodes only, by YAML 1.2's words, down to a limited depth."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:  # as PyYAML has it
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise YamlFault(f"more than {MAX_DEPTH} levels of nesting")
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1


# PyYAML keeps the meaning of plain words on the class, by first character.
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern, firsts in CORE_WORDS if first in firsts]
    for first in ("", *"".join(dict.fromkeys("".join(firsts for _, _, firsts in CORE_WORDS))))
}
