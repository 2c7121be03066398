"""RFC 6962 trees against the RFC's own vectors and a naive reading of its definition."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from befit.audit.merkle import (
    EMPTY_ROOT,
    Frontier,
    GroupTree,
    leaf_hash,
    node_hash,
    root_from_path,
)

# The eight leaves and the roots of their prefixes that Certificate Transparency's
# implementations share as test vectors.
VECTOR_LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
VECTOR_ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]

leaves = st.lists(st.binary(max_size=8), max_size=70)


def naive_root(hashes: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, word for word."""
    if not hashes:
        return hashlib.sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    return node_hash(naive_root(hashes[:split]), naive_root(hashes[split:]))


def frontier_over(hashes: list[bytes]) -> Frontier:
    frontier = Frontier()
    for value in hashes:
        frontier.append(value)
    return frontier


@pytest.mark.parametrize("size", range(9))
def test_roots_are_those_of_the_published_vectors(size: int) -> None:
    hashes = [leaf_hash(leaf) for leaf in VECTOR_LEAVES[:size]]
    assert frontier_over(hashes).root().hex() == VECTOR_ROOTS[size]
    assert GroupTree(hashes).root.hex() == VECTOR_ROOTS[size]


@given(leaves)
def test_frontier_and_tree_agree_with_the_definition(given_leaves: list[bytes]) -> None:
    hashes = [leaf_hash(leaf) for leaf in given_leaves]
    frontier = frontier_over(hashes)
    assert frontier.root() == GroupTree(hashes).root == naive_root(hashes)
    assert len(frontier.nodes) == frontier.size.bit_count()


@given(leaves, st.integers(0, 70))
def test_a_frontier_continues_from_its_nodes(given_leaves: list[bytes], at: int) -> None:
    hashes = [leaf_hash(leaf) for leaf in given_leaves]
    before = frontier_over(hashes[:at])
    resumed = Frontier(before.size, before.nodes)
    for value in hashes[at:]:
        resumed.append(value)
    assert resumed.root() == naive_root(hashes)


@given(leaves.filter(bool))
def test_every_path_leads_to_the_root(given_leaves: list[bytes]) -> None:
    hashes = [leaf_hash(leaf) for leaf in given_leaves]
    tree = GroupTree(hashes)
    for index, path in enumerate(tree.paths(bytes.hex)):
        found = root_from_path(
            hashes[index], index, len(hashes), [bytes.fromhex(node) for node in path]
        )
        assert found == tree.root


@given(leaves.filter(lambda value: len(value) > 1), st.data())
def test_a_path_of_another_place_length_or_leaf_leads_elsewhere(
    given_leaves: list[bytes], data: st.DataObject
) -> None:
    hashes = [leaf_hash(bytes([at]) + leaf) for at, leaf in enumerate(given_leaves)]
    size = len(hashes)
    index = data.draw(st.integers(0, size - 1))
    tree = GroupTree(hashes)
    path = [bytes.fromhex(node) for node in tree.paths(bytes.hex)[index]]
    other = data.draw(st.integers(0, size - 1).filter(lambda at: at != index))
    assert root_from_path(hashes[other], index, size, path) != tree.root
    assert root_from_path(hashes[index], other, size, path) != tree.root
    assert root_from_path(hashes[index], index, size, path[:-1]) != tree.root
    assert root_from_path(hashes[index], index, size, [*path, EMPTY_ROOT]) is None
    assert root_from_path(hashes[index], size, size, path) is None


def test_a_frontier_refuses_nodes_that_do_not_fit_its_size() -> None:
    with pytest.raises(ValueError, match="a frontier of 3 leaves has 2 nodes"):
        Frontier(3, [EMPTY_ROOT])
