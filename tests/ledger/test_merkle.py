"""The tree beside RFC 6962 written down word by word, and proofs that hold only for what is so."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stakazo.ledger import merkle
from stakazo.ledger.merkle import Frontier, leaf_hash

LEAVES = [leaf_hash(bytes([n])) for n in range(70)]

# Roots and proofs of the test vectors that Certificate Transparency's implementations share.
INPUTS = [
    bytes.fromhex(line)
    for line in (
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
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def naive_root(leaves: list[bytes]) -> bytes:
    """Merkle Tree Hash, RFC 6962 section 2.1."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + naive_root(leaves[:k]) + naive_root(leaves[k:])).digest()


def naive_path(m: int, leaves: list[bytes]) -> list[bytes]:
    """PATH(m, D[n]), section 2.1.1."""
    if len(leaves) == 1:
        return []
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if m < k:
        return [*naive_path(m, leaves[:k]), naive_root(leaves[k:])]
    return [*naive_path(m - k, leaves[k:]), naive_root(leaves[:k])]


def naive_consistency(m: int, leaves: list[bytes], *, known: bool = True) -> list[bytes]:
    """SUBPROOF(m, D[n], b), section 2.1.2."""
    if m == len(leaves):
        return [] if known else [naive_root(leaves)]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if m <= k:
        return [*naive_consistency(m, leaves[:k], known=known), naive_root(leaves[k:])]
    return [*naive_consistency(m - k, leaves[k:], known=False), naive_root(leaves[:k])]


def nodes_of(leaves: list[bytes]) -> merkle.Nodes:
    """As they are kept: by the leaf that finishes them."""
    tree, kept = Frontier(), {}
    for position, leaf in enumerate(leaves):
        tree, finished = tree.append(leaf)
        kept[position] = b"".join(finished)
    return merkle.kept_nodes(kept)


def test_roots_are_those_of_certificate_transparency():
    tree = Frontier()
    for data, root in zip(INPUTS, ROOTS, strict=True):
        tree, _ = tree.append(leaf_hash(data))
        assert tree.root.hex() == root
    assert Frontier().root.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_every_size_is_as_the_definition_says():
    for size in range(len(LEAVES) + 1):
        tree = Frontier().extend(LEAVES[:size])
        assert (tree.size, tree.root) == (size, naive_root(LEAVES[:size]))
        nodes = nodes_of(LEAVES)
        assert merkle.frontier(nodes, size) == tree
        assert len(merkle.peaks_of(size)) == size.bit_count()


def test_a_leaf_finishes_what_ends_with_it():
    tree = Frontier()
    for position, leaf in enumerate(LEAVES):
        tree, finished = tree.append(leaf)
        assert len(finished) == merkle.finishes(position)
        for level, found in enumerate(finished):
            index = (position + 1 >> level) - 1
            assert merkle.finished_by(level, index) == position
            assert found == naive_root(LEAVES[index << level : (index + 1) << level])


def test_proofs_are_those_of_the_definition():
    nodes = nodes_of(LEAVES)
    for size in range(1, len(LEAVES) + 1):
        root = naive_root(LEAVES[:size])
        for position in range(size):
            proof = merkle.inclusion_proof(nodes, position, size)
            assert proof == naive_path(position, LEAVES[:size])
            assert merkle.verify_inclusion(LEAVES[position], position, size, proof, root)
        for old in range(1, size + 1):
            proof = merkle.consistency_proof(nodes, old, size)
            assert proof == naive_consistency(old, LEAVES[:size])
            assert merkle.verify_consistency(old, size, proof, naive_root(LEAVES[:old]), root)


def test_a_subtree_that_is_not_kept_is_missed():
    with pytest.raises(LookupError):
        merkle.kept_nodes({})(0, 0)
    with pytest.raises(LookupError, match="at 1 finishes no subtree of level 1"):
        merkle.kept_nodes({1: LEAVES[1]})(1, 0)


def test_only_what_is_needed_is_asked_for():
    nodes = nodes_of(LEAVES)
    asked = merkle.needed(lambda some: merkle.inclusion_proof(some, 21, 70))
    assert len(asked) <= 2 * 7
    kept = {name: nodes(*name) for name in asked}
    proof = merkle.inclusion_proof(lambda level, index: kept[level, index], 21, 70)
    assert merkle.verify_inclusion(LEAVES[21], 21, 70, proof, naive_root(LEAVES))


sizes = st.integers(1, 300)


@given(st.data(), sizes)
def test_an_inclusion_proof_holds_for_nothing_else(data: st.DataObject, size: int):
    leaves = [leaf_hash(n.to_bytes(2)) for n in range(size)]
    position = data.draw(st.integers(0, size - 1))
    proof, root = merkle.inclusion_proof(nodes_of(leaves), position, size), naive_root(leaves)
    holds = merkle.verify_inclusion
    assert holds(leaves[position], position, size, proof, root)
    assert not holds(leaf_hash(b"forged"), position, size, proof, root)
    assert not holds(leaves[position], position, size, proof, leaf_hash(b"root"))
    assert not holds(leaves[position], size, size, proof, root)
    assert not holds(leaves[position], -1, size, proof, root)
    other = data.draw(st.integers(0, size - 1))
    if other != position:
        assert not holds(leaves[position], other, size, proof, root)
    assert not holds(leaves[position], position, size, [*proof, root], root)
    if proof:
        assert not holds(leaves[position], position, size, proof[:-1], root)
        spoilt = data.draw(st.integers(0, len(proof) - 1))
        assert not holds(
            leaves[position], position, size, [*proof[:spoilt], leaf_hash(b"x"), *proof[spoilt + 1 :]], root
        )


@given(st.data(), sizes)
def test_a_consistency_proof_holds_for_nothing_else(data: st.DataObject, size: int):
    leaves = [leaf_hash(n.to_bytes(2)) for n in range(size)]
    old = data.draw(st.integers(0, size))
    proof = merkle.consistency_proof(nodes_of(leaves), old, size)
    before, after = naive_root(leaves[:old]), naive_root(leaves)
    holds = merkle.verify_consistency
    assert holds(old, size, proof, before, after)
    assert not holds(old, size, proof, leaf_hash(b"before"), after)
    assert not holds(size + 1, size, proof, before, after)
    assert not holds(old, size, [*proof, before], before, after)
    if proof:
        assert not holds(old, size, proof, before, leaf_hash(b"after"))
        assert not holds(old, size, proof[:-1], before, after)
        spoilt = data.draw(st.integers(0, len(proof) - 1))
        assert not holds(old, size, [*proof[:spoilt], leaf_hash(b"x"), *proof[spoilt + 1 :]], before, after)


@given(st.data(), sizes)
def test_rewritten_history_has_no_consistency_proof(data: st.DataObject, size: int):
    """Whatever is changed in what an old root stood for, the honest proof doesn't lead to it."""
    leaves = [leaf_hash(n.to_bytes(2)) for n in range(size)]
    old = data.draw(st.integers(1, size))
    changed = data.draw(st.integers(0, old - 1))
    rewritten = [*leaves[:changed], leaf_hash(b"rewritten"), *leaves[changed + 1 :]]
    proof = merkle.consistency_proof(nodes_of(rewritten), old, size)
    assert not merkle.verify_consistency(old, size, proof, naive_root(leaves[:old]), naive_root(rewritten))
