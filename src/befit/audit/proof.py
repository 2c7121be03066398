"""RFC 6962 proofs over a whole log, made in one pass and a few hashes of memory.

    wanted = SubtreeRoots(inclusion_ranges(index, size))
    for leaf in leaves:
        wanted.add(leaf_hash(leaf))
    path = wanted.path(inclusion_ranges(index, size))
    root_from_path(leaf_hash_at_index, index, size, path)          # the tree's root

A proof is the roots of a few ranges of leaves. `*_ranges` says which, in the order of the
path; `SubtreeRoots` computes those of any number of proofs while the leaves pass once. It
keeps the roots of the perfect subtrees that the ranges are made of: at most the square
of the tree's height a proof, whatever the size of the log. Sources: RFC 6962 sections
2.1.1 (inclusion) and 2.1.2 (consistency), RFC 9162 section 2.1.4.2 (checking the latter).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from befit.audit.merkle import EMPTY_ROOT, node_hash

_NODE = b"\x01"
_sha256 = hashlib.sha256


class Range(NamedTuple):
    """The leaves from `start` up to, and without, `end`."""

    start: int
    end: int


def inclusion_ranges(index: int, size: int) -> tuple[Range, ...]:
    """The subtrees whose roots prove that a leaf is in a tree, lowest sibling first.

    Raises:
        ValueError: the tree has no such leaf.
    """
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} leaves has no leaf {index}")
    start, end = 0, size
    ranges: list[Range] = []
    while end - start > 1:
        split = start + _split(end - start)
        if index < split:
            ranges.append(Range(split, end))
            end = split
        else:
            ranges.append(Range(start, split))
            start = split
    return tuple(reversed(ranges))


def consistency_ranges(old: int, new: int) -> tuple[Range, ...]:
    """The subtrees whose roots prove that a tree of `new` leaves begins with one of `old`.

    Empty where that needs no proof: an empty tree, or the same one.

    Raises:
        ValueError: the old tree is larger.
    """
    if not 0 <= old <= new:
        raise ValueError(f"a tree of {new} leaves does not begin with one of {old}")
    if old in {0, new}:
        return ()
    start, end = 0, new
    ranges: list[Range] = []
    while old < end:
        split = start + _split(end - start)
        if old <= split:
            ranges.append(Range(split, end))
            end = split
        else:
            ranges.append(Range(start, split))
            start = split
    if start:
        ranges.append(Range(start, end))  # else it is the old tree, whose root is known
    return tuple(reversed(ranges))


def is_consistent(old: tuple[int, bytes], new: tuple[int, bytes], path: Sequence[bytes]) -> bool:
    """Whether a path shows that the new tree begins with the old one; each a size and root."""
    (old_size, old_root), (new_size, new_root) = old, new
    if old_size > new_size or old_size < 0:
        return False
    if old_size == new_size:
        return not path and old_root == new_root
    if old_size == 0:
        return not path and old_root == EMPTY_ROOT
    nodes = list(path)
    if old_size & (old_size - 1) == 0:
        nodes.insert(0, old_root)
    return bool(nodes) and _leads_to(nodes, old_size, new_size) == (old_root, new_root)


def _leads_to(nodes: list[bytes], old_size: int, new_size: int) -> tuple[bytes, bytes] | None:
    """The two roots that a consistency path leads to; None where its length is wrong."""
    first, last = old_size - 1, new_size - 1
    while first & 1:
        first, last = first >> 1, last >> 1
    old_root = new_root = nodes[0]
    for node in nodes[1:]:
        if last == 0:
            return None
        if first & 1 or first == last:
            old_root, new_root = node_hash(node, old_root), node_hash(node, new_root)
            while first and not first & 1:
                first, last = first >> 1, last >> 1
        else:
            new_root = node_hash(new_root, node)
        first, last = first >> 1, last >> 1
    return (old_root, new_root) if last == 0 else None


class SubtreeRoots:
    """Computes the roots of chosen ranges while all leaves pass by once."""

    def __init__(self, ranges: Iterable[Range]) -> None:
        self.size = 0
        self._stack: list[bytes] = []
        self._kept: dict[Range, bytes] = {}
        # Looked at once a leaf, so by where they end: the perfect subtrees that are kept.
        self._ending: dict[int, set[int]] = {}
        for each in ranges:
            for start, end in _perfect(each):
                self._ending.setdefault(end, set()).add(end - start)

    def add(self, leaf: bytes) -> None:
        """Take the hash of the next leaf."""
        stack, size = self._stack, self.size
        self.size += 1
        wanted = self._ending.get(self.size)
        if wanted is not None:
            self._add_kept(leaf, wanted)
            return
        while size & 1:
            leaf = _sha256(_NODE + stack.pop() + leaf).digest()
            size >>= 1
        stack.append(leaf)

    def path(self, ranges: Iterable[Range]) -> list[bytes]:
        """The roots of ranges that were asked for; all their leaves have passed."""
        return [self._root(each) for each in ranges]

    def root(self) -> bytes:
        """The root over all leaves so far."""
        return _joined(self._stack)

    def _add_kept(self, node: bytes, wanted: set[int]) -> None:
        end, width = self.size, 1
        size = end - 1
        if width in wanted:
            self._kept[Range(end - width, end)] = node
        while size & 1:
            node = node_hash(self._stack.pop(), node)
            size >>= 1
            width <<= 1
            if width in wanted:
                self._kept[Range(end - width, end)] = node
        self._stack.append(node)

    def _root(self, wanted: Range) -> bytes:
        return _joined([self._kept[part] for part in _perfect(wanted)])


def _joined(nodes: Sequence[bytes]) -> bytes:
    """The root over perfect subtrees that stand side by side, largest first."""
    if not nodes:
        return EMPTY_ROOT
    root = nodes[-1]
    for node in reversed(nodes[:-1]):
        root = node_hash(node, root)
    return root


def _perfect(wanted: Range) -> Iterator[Range]:
    """The perfect subtrees that a range of a proof consists of, largest first."""
    start, end = wanted
    while start < end:
        width = 1 << ((end - start).bit_length() - 1)
        yield Range(start, start + width)
        start += width


def _split(count: int) -> int:
    """The largest power of two smaller than `count`."""
    return 1 << ((count - 1).bit_length() - 1)
