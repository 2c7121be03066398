"""`Document`: one YAML file of the workspace as plain values, with the line of each.

    document = read_document(raw, file="workflows/triage.yaml")
    document.value["requirements"]          # dict, list, str, int, float, bool or None
    document.line(("requirements", "quality_bar"))

A key stands only once, tags are refused, and what aliases expand to is counted, so that
a hostile file costs no more than its size limit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from befit.catalog.problem import KeyPath, Problem
from befit.catalog.yaml_tree import MAX_DEPTH, TAG, YamlFault, compose_tree, decode_text, means

_MAX_VALUES = 50_000
_MAX_DIGITS = 40


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """A read file. `value` is None where `problems` kept it from being read.

    The values are as open as YAML is; the entry schemas close them.
    """

    file: str
    value: dict[str, Any] | None
    lines: Mapping[KeyPath, int] = field(default_factory=dict[KeyPath, int])
    problems: tuple[Problem, ...] = ()

    def line(self, path: KeyPath) -> int | None:
        """The line of a path, or of the closest place above it that stands in the file."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.lines:
                return self.lines[path[:length]]
        return None

    def problem(self, what: str, path: KeyPath = (), *, next_step: str | None = None) -> Problem:
        """A problem of this file, with its line."""
        return Problem(
            what=what, file=self.file, path=path, line=self.line(path), next_step=next_step
        )


def read_document(raw: bytes, *, file: str) -> Document:
    """Read one YAML file safely; what is wrong with it comes back as problems."""
    reading = _Reading(file)
    try:
        root = compose_tree(decode_text(raw))
        value = reading.mapping_at_root(root)
    except YamlFault as fault:
        reading.fault(fault.what, line=fault.line, next_step=fault.next_step)
        value = None
    return Document(
        file=file,
        value=None if reading.problems else value,
        lines=reading.lines,
        problems=tuple(reading.problems),
    )


class _Reading:
    """Turns a tree of nodes into plain values and collects what is wrong with it."""

    def __init__(self, file: str) -> None:
        self.problems: list[Problem] = []
        self.lines: dict[KeyPath, int] = {}
        self._file = file
        self._values = 0
        self._open: set[int] = set()

    def fault(
        self,
        what: str,
        path: KeyPath = (),
        *,
        line: int | None = None,
        next_step: str | None = None,
    ) -> None:
        self.problems.append(
            Problem(what=what, file=self._file, path=path, line=line, next_step=next_step)
        )

    def mapping_at_root(self, root: Node | None) -> dict[str, Any] | None:
        if root is None or (isinstance(root, ScalarNode) and not root.value):
            raise YamlFault("nothing")
        if not isinstance(root, MappingNode):
            raise YamlFault("no mapping", line=1, next_step="write `key: value` lines")
        value: dict[str, Any] = self._value(root, ())
        return value

    def _value(self, node: Node, path: KeyPath) -> Any:  # YAML is open by nature
        self._values += 1
        if self._values > _MAX_VALUES:
            raise YamlFault(f"more than {_MAX_VALUES} values", line=node.start_mark.line + 1)
        if isinstance(node, ScalarNode):
            return self._scalar(node, path)
        if len(self._open) > MAX_DEPTH:  # aliases nest deeper than the text does
            raise YamlFault(f"more than {MAX_DEPTH} levels", line=node.start_mark.line + 1)
        if id(node) in self._open:
            raise YamlFault("an alias that contains itself", line=node.start_mark.line + 1)
        self._open.add(id(node))
        try:
            if isinstance(node, MappingNode) and node.tag == f"{TAG}map":
                return self._mapping(node, path)
            if isinstance(node, SequenceNode) and node.tag == f"{TAG}seq":
                return self._sequence(node, path)
        finally:
            self._open.discard(id(node))
        self.fault("a tag", path, line=node.start_mark.line + 1, next_step="leave it out")
        return None

    def _mapping(self, node: MappingNode, path: KeyPath) -> dict[str, Any]:
        value: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            key = self._key(key_node, path)
            if key is None:
                continue
            if key in value:
                self.fault("a key that stands twice", (*path, key), line=line)
            self.lines[(*path, key)] = line
            value[key] = self._value(value_node, (*path, key))
        return value

    def _key(self, node: Node, path: KeyPath) -> str | None:
        is_text = isinstance(node, ScalarNode) and node.tag == f"{TAG}str"
        if is_text and _is_encodable(node.value):
            return node.value
        self.fault(
            "a key that is not text",
            path,
            line=node.start_mark.line + 1,
            next_step="put it in quotes",
        )
        return None

    def _sequence(self, node: SequenceNode, path: KeyPath) -> list[Any]:
        items: list[Any] = []
        for place, item in enumerate(node.value):
            self.lines[(*path, place)] = item.start_mark.line + 1
            items.append(self._value(item, (*path, place)))
        return items

    def _scalar(self, node: ScalarNode, path: KeyPath) -> Any:  # one of YAML's plain values
        kind, text = node.tag.removeprefix(TAG), node.value
        line = node.start_mark.line + 1
        if kind == "str":
            if _is_encodable(text):
                return text
            self.fault("half a character", path, line=line, next_step="write it out")
        elif not means(node.tag, text):
            self.fault("a tag", path, line=line, next_step="leave it out")
        elif kind == "bool":
            return text.lower() == "true"
        elif kind != "null":
            number = _number(kind, text)
            if number is None:
                self.fault("a number out of range", path, line=line)
            return number
        return None


def _is_encodable(text: str) -> bool:
    # The escape "\\ud800" makes half of a surrogate pair, which no file can hold.
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _number(kind: str, text: str) -> int | float | None:
    if len(text) > _MAX_DIGITS:
        return None
    if kind == "int":
        return int(text)
    try:
        number = float(text)
    except ValueError:  # YAML's `.inf` and `.nan`
        return None
    return number if isfinite(number) else None
