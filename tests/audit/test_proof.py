"""Proofs over a whole log: the RFC's vectors, an independent library, and forgeries."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InmemoryTree, InvalidProof, verify_consistency, verify_inclusion

from befit.audit.merkle import EMPTY_ROOT, leaf_hash, root_from_path
from befit.audit.proof import (
    SubtreeRoots,
    consistency_ranges,
    inclusion_ranges,
    is_consistent,
)
from tests.audit.test_merkle import VECTOR_LEAVES, VECTOR_ROOTS

# Published with Certificate Transparency's implementations for the leaves above.
INCLUSION = [
    (0, 1, []),
    (
        0,
        8,
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        5,
        8,
        [
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (2, 3, ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
    (
        1,
        5,
        [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
]
CONSISTENCY = [
    (1, 1, []),
    (
        1,
        8,
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        6,
        8,
        [
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (
        2,
        5,
        [
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
]

logs = st.lists(st.binary(max_size=6), min_size=1, max_size=80)


def path_over(leaves: list[bytes], ranges) -> list[bytes]:
    roots = SubtreeRoots(ranges)
    for leaf in leaves:
        roots.add(leaf_hash(leaf))
    return roots.path(ranges)


def tree_of(leaves: list[bytes]) -> InmemoryTree:
    return InmemoryTree.init_from_entries(leaves, algorithm="sha256")


@pytest.mark.parametrize(("index", "size", "path"), INCLUSION)
def test_inclusion_is_as_published(index: int, size: int, path: list[str]) -> None:
    made = path_over(VECTOR_LEAVES[:size], inclusion_ranges(index, size))
    assert [node.hex() for node in made] == path
    found = root_from_path(leaf_hash(VECTOR_LEAVES[index]), index, size, made)
    assert found is not None
    assert found.hex() == VECTOR_ROOTS[size]


@pytest.mark.parametrize(("old", "new", "path"), CONSISTENCY)
def test_consistency_is_as_published(old: int, new: int, path: list[str]) -> None:
    made = path_over(VECTOR_LEAVES[:new], consistency_ranges(old, new))
    assert [node.hex() for node in made] == path
    roots = [bytes.fromhex(VECTOR_ROOTS[size]) for size in (old, new)]
    assert is_consistent((old, roots[0]), (new, roots[1]), made)


@given(logs, st.data())
def test_inclusion_of_every_leaf_in_every_tree(leaves: list[bytes], data) -> None:
    size = data.draw(st.integers(1, len(leaves)))
    index = data.draw(st.integers(0, size - 1))
    path = path_over(leaves, inclusion_ranges(index, size))
    root = tree_of(leaves).get_root(size)
    assert root_from_path(leaf_hash(leaves[index]), index, size, path) == root


@given(logs, st.data())
def test_consistency_of_any_two_trees(leaves: list[bytes], data) -> None:
    new = data.draw(st.integers(0, len(leaves)))
    old = data.draw(st.integers(0, new))
    tree = tree_of(leaves)
    roots = [tree.get_root(size) if size else EMPTY_ROOT for size in (old, new)]
    path = path_over(leaves, consistency_ranges(old, new))
    assert is_consistent((old, roots[0]), (new, roots[1]), path)
    if 0 < old < new:
        at = data.draw(st.integers(0, len(path) - 1))
        broken = [*path[:at], leaf_hash(b"other"), *path[at + 1 :]]
        assert not is_consistent((old, roots[0]), (new, roots[1]), broken)
        assert not is_consistent((old, roots[0]), (new, roots[1]), path[:-1])
        assert not is_consistent((old, roots[0]), (new, roots[1]), [*path, EMPTY_ROOT])
        assert not is_consistent((old, roots[1]), (new, roots[0]), path)
        assert not is_consistent((new, roots[1]), (old, roots[0]), path)


@given(logs, st.data())
def test_an_independent_library_makes_and_accepts_the_same_proofs(leaves, data) -> None:
    size = data.draw(st.integers(1, len(leaves)))
    index = data.draw(st.integers(0, size - 1))
    old = data.draw(st.integers(1, size))
    tree = tree_of(leaves)
    theirs = tree.prove_inclusion(index + 1, size)
    verify_inclusion(leaf_hash(leaves[index]), tree.get_root(size), theirs)
    # The library puts the proven leaf first.
    assert theirs.path[1:] == path_over(leaves, inclusion_ranges(index, size))
    between = tree.prove_consistency(old, size)
    verify_consistency(tree.get_root(old), tree.get_root(size), between)
    ours = path_over(leaves, consistency_ranges(old, size))
    roots = (old, tree.get_root(old)), (size, tree.get_root(size))
    assert is_consistent(*roots, ours)
    with pytest.raises(InvalidProof):
        verify_inclusion(leaf_hash(b"no such leaf"), tree.get_root(size), theirs)


@given(st.integers(1, 10**12), st.data())
def test_a_proof_of_a_huge_log_needs_few_hashes(size: int, data) -> None:
    index = data.draw(st.integers(0, size - 1))
    height = size.bit_length()
    ranges = inclusion_ranges(index, size)
    assert len(ranges) <= height
    covered = sorted([*ranges, (index, index + 1)])
    assert covered[0][0] == 0
    assert covered[-1][1] == size
    assert all(left[1] == right[0] for left, right in itertools.pairwise(covered))
    assert len(SubtreeRoots(ranges)._ending) <= height * height


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0)])
def test_there_is_no_proof_of_what_is_not_there(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="has no leaf"):
        inclusion_ranges(index, size)
    with pytest.raises(ValueError, match="does not begin"):
        consistency_ranges(size + 1, size)
