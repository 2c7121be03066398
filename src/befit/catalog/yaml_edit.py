"""Changing one value of a YAML text and leaving everything else as the user wrote it.

    text = set_value(text, ("models", "big", "zone"), "onprem")

The change is made in the text, then the text is read again: unless it now says exactly
what it said before plus the change, nothing comes back but an error.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple, cast

import yaml
from yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode

from befit.catalog.document import read_document
from befit.catalog.yaml_tree import CORE_WORDS, YamlFault, compose_tree
from befit.errors import WorkspaceError

_WIDTH = 88
_COMMENT = re.compile(r"(?:^|\s)#", re.MULTILINE)


def set_value(text: str, path: tuple[str, ...], value: object) -> str:
    """The text with the value at `path` added or replaced.

    Raises:
        WorkspaceError: the text cannot be changed without touching the rest of it.
    """
    before = read_document(text.encode(), file="")
    wanted = _with_value(before.value or {}, path, value)
    try:
        changed = _changed(text, path, value)
    except YamlFault:
        changed = text
    after = read_document(changed.encode(), file="")
    if before.problems or after.problems or after.value != wanted:
        raise WorkspaceError(
            f"{'.'.join(path)} cannot be written without touching the rest of the file",
            next_step=f"write it yourself: {to_flow(value)}",
        )
    return changed


def to_block(value: object) -> str:
    """A value as lines of block YAML, short lists and mappings on one line."""
    return yaml.dump(
        value,
        Dumper=_BlockDumper,
        default_flow_style=None,
        sort_keys=False,
        allow_unicode=True,
        width=_WIDTH,
    )


def to_flow(value: object) -> str:
    """A value as YAML on one line."""
    text = yaml.dump(
        value,
        Dumper=_Dumper,
        default_flow_style=True,
        sort_keys=False,
        allow_unicode=True,
        width=float("inf"),
    )
    return text.removesuffix("\n").removesuffix("\n...")


class _Dumper(yaml.SafeDumper):
    """Quotes every text that either YAML 1.1 or 1.2 would read as something else."""

    def ignore_aliases(self, data: object) -> bool:
        return True


for _tag, _pattern, _first in CORE_WORDS:
    _Dumper.add_implicit_resolver(_tag, _pattern, list(_first))  # pyright: ignore[reportUnknownMemberType]  # its stub leaves the parameters open


class _BlockDumper(_Dumper):
    """Gives the outermost mapping lines of its own, whatever it holds."""

    def serialize(self, node: Node) -> None:
        if isinstance(node, CollectionNode):
            node.flow_style = False
        super().serialize(node)


class _Slot(NamedTuple):
    """What stands on the way to the path, and how far the path goes on below it."""

    node: Node
    key: ScalarNode | None  # the node's own key; None at the top
    rest: tuple[str, ...]


def _changed(text: str, path: tuple[str, ...], value: object) -> str:
    root = compose_tree(text)
    if not isinstance(root, MappingNode):
        return text
    slot = _descend(root, path)
    if not slot.rest:
        return _replace(text, slot, value)
    nested: object = value
    for step in reversed(slot.rest[1:]):
        nested = {step: nested}
    entry = {slot.rest[0]: nested}
    node, key = slot.node, slot.key
    if isinstance(node, MappingNode) and node.flow_style:
        return _insert_in_flow(text, node, entry)
    if isinstance(node, MappingNode) and node.value:
        column = node.value[0][0].start_mark.column
        return _insert_after(text, _last_leaf(node), _indented(to_block(entry), column))
    # An empty value: `models:` alone.
    column = key.start_mark.column + 2 if key else 0
    return _insert_after(text, node, _indented(to_block(entry), column))


def _descend(root: MappingNode, path: tuple[str, ...]) -> _Slot:
    slot = _Slot(root, None, path)
    while slot.rest and isinstance(slot.node, MappingNode):
        step = slot.rest[0]
        pairs = slot.node.value
        found = [(key, child) for key, child in pairs if key.value == step]
        if not found:
            break
        key, child = found[0]
        slot = _Slot(child, key, slot.rest[1:])
    return slot


def _replace(text: str, slot: _Slot, value: object) -> str:
    node, key = slot.node, slot.key
    start, end = node.start_mark.index, _last_leaf(node).end_mark.index
    if node.start_mark.line != node.end_mark.line:  # a block of text ends behind empty lines
        end = start + len(text[start:end].rstrip())
    if _COMMENT.search(text, start, end) and not isinstance(node, ScalarNode):
        raise YamlFault("comments inside the value")
    if key and start > key.end_mark.index and node.start_mark.column <= key.start_mark.column:
        start = text.index(":", key.end_mark.index) + 1  # a list at its key's own column
    gap = " " if text[start - 1] == ":" else ""
    return f"{text[:start]}{gap}{to_flow(value)}{text[end:]}"


def _insert_in_flow(text: str, node: MappingNode, entry: dict[str, object]) -> str:
    end = node.end_mark.index - 1
    comma = ", " if node.value else ""
    return f"{text[:end].rstrip(' ')}{comma}{to_flow(entry)[1:-1]}{text[end:]}"


def _insert_after(text: str, leaf: Node, block: str) -> str:
    """Put lines behind the line on which a node ends, its comment included."""
    index = leaf.end_mark.index
    if index and text[index - 1] != "\n":
        index = text.find("\n", index) + 1 or len(text)
    gap = "" if index == 0 or text[index - 1] == "\n" else "\n"
    return f"{text[:index]}{gap}{block}{text[index:]}"


def _indented(block: str, column: int) -> str:
    return "".join(f"{' ' * column}{line}" for line in block.splitlines(keepends=True))


def _last_leaf(node: Node) -> Node:
    """The last scalar or flow collection of a node.

    A block's own end mark lies before the next key, behind comments that belong to that.
    """
    last = node
    while isinstance(last, CollectionNode) and last.value and not last.flow_style:
        child: Any = last.value[-1]  # a node, or a pair of nodes in a mapping
        last = cast("Node", child[1] if isinstance(last, MappingNode) else child)
    return last


def _with_value(document: dict[str, Any], path: tuple[str, ...], value: object) -> dict[str, Any]:
    step, rest = path[0], path[1:]
    if not rest:
        return {**document, step: value}
    below = document.get(step)
    inner = cast("dict[str, Any]", below) if isinstance(below, dict) else {}
    return {**document, step: _with_value(inner, rest, value)}
