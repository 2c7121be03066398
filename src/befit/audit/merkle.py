"""RFC 6962 Merkle trees: a frontier for the whole log, a small tree for one group.

    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf_hash(leaf))
    frontier.root()            # the same as GroupTree([...all leaf hashes...]).root

The frontier holds one node for each set bit of the size, so a log of a billion events
needs 30 hashes of memory. Source: RFC 6962 section 2.1 (hashes, paths), RFC 9162
section 2.1.3.2 (verifying a path).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()

_sha256 = hashlib.sha256
_LEAF = b"\x00"
_NODE = b"\x01"


def leaf_hash(leaf: bytes) -> bytes:
    """The hash of a leaf: SHA-256 over a zero byte and the leaf."""
    return _sha256(_LEAF + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node: SHA-256 over a one byte and both children."""
    return _sha256(_NODE + left + right).digest()


class Frontier:
    """The roots of the perfect subtrees of a log, largest first: all that appending needs.

    Attributes:
        size: how many leaves were appended.
    """

    def __init__(self, size: int = 0, nodes: Iterable[bytes] = ()) -> None:
        self.size = size
        self._nodes = list(nodes)
        if len(self._nodes) != size.bit_count():
            raise ValueError(f"a frontier of {size} leaves has {size.bit_count()} nodes")

    @property
    def nodes(self) -> tuple[bytes, ...]:
        """The subtree roots, largest first; `Frontier(size, nodes)` continues from them."""
        return tuple(self._nodes)

    def append(self, leaf: bytes) -> None:
        """Add one leaf by its hash."""
        nodes, size = self._nodes, self.size
        while size & 1:
            leaf = _sha256(_NODE + nodes.pop() + leaf).digest()
            size >>= 1
        nodes.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        """The Merkle tree hash over all leaves so far."""
        if not self._nodes:
            return EMPTY_ROOT
        root = self._nodes[-1]
        for node in reversed(self._nodes[:-1]):
            root = _sha256(_NODE + node + root).digest()
        return root


class GroupTree:
    """The tree over one group's leaves, kept whole so that paths can be given."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        level = list(leaves)
        self._levels = [level]
        while len(level) > 1:
            pairs = zip(level[::2], level[1::2], strict=False)
            above = [_sha256(_NODE + left + right).digest() for left, right in pairs]
            if len(level) % 2:
                # RFC 6962 splits at the largest power of two, which from below means
                # that a node without a right sibling moves up unchanged.
                above.append(level[-1])
            self._levels.append(above)
            level = above

    @property
    def root(self) -> bytes:
        """The Merkle tree hash over the group's leaves."""
        top = self._levels[-1]
        return top[0] if top else EMPTY_ROOT

    def paths(self, encode: Callable[[bytes], str]) -> list[tuple[str, ...]]:
        """The audit path of every leaf, lowest sibling first, each hash given to `encode`.

        Built from the root down so that neighbours share the encoded upper part.
        """
        paths: list[tuple[str, ...]] = [()]
        for level in reversed(self._levels[:-1]):
            coded = [encode(node) for node in level]
            below: list[tuple[str, ...]] = []
            for parent, above in enumerate(paths):
                left = 2 * parent
                if left + 1 < len(coded):
                    below.append((coded[left + 1], *above))
                    below.append((coded[left], *above))
                else:
                    below.append(above)
            paths = below
        return paths if self._levels[0] else []


def root_from_path(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """The root that a leaf hash and its audit path lead to.

    Returns None where the path has the wrong length for this index and size, so a caller
    compares one value and is done.
    """
    if not 0 <= index < size:
        return None
    node, position, last = leaf, index, size - 1
    remaining = iter(path)
    while last:
        if position & 1 or position < last:
            sibling = next(remaining, None)
            if sibling is None:
                return None
            node = node_hash(sibling, node) if position & 1 else node_hash(node, sibling)
        position >>= 1
        last >>= 1
    return node if next(remaining, None) is None else None
