"""The Merkle tree of RFC 6962: one root that stands for all leaves in their order, and short proofs against it. Pure.

    leaf      SHA-256(0x00 || data)
    node      SHA-256(0x01 || left || right)
    tree      of n leaves: the left part holds the greatest power of two below n

A *whole* subtree has 2^level leaves; `(level, index)` names it, and it is finished by the leaf at position
`(index + 1) * 2^level - 1`. Whole subtrees never change once they are finished, so whoever keeps the hashes that each
leaf finishes can prove anything about any size without the leaves. Proofs are in the order of RFC 6962, section 2.1.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

Hash = bytes
Nodes = Callable[[int, int], Hash]
"""The hash of a whole subtree, by level and index."""

EMPTY_ROOT: Hash = hashlib.sha256(b"").digest()


def leaf_hash(data: bytes) -> Hash:
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: Hash, right: Hash) -> Hash:
    return hashlib.sha256(b"\x01" + left + right).digest()


# --- growing ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Frontier:
    """Everything of a tree that appending needs: its size, and the hashes of its whole subtrees, greatest first."""

    size: int = 0
    peaks: tuple[Hash, ...] = ()

    def append(self, leaf: Hash) -> tuple[Frontier, tuple[Hash, ...]]:
        """The tree with one more leaf, and the hashes of the subtrees that it finishes: itself first, then upwards."""
        peaks, finished = list(self.peaks), [leaf]
        for _ in range(_trailing_ones(self.size)):
            finished.append(node_hash(peaks.pop(), finished[-1]))
        return Frontier(self.size + 1, (*peaks, finished[-1])), tuple(finished)

    def extend(self, leaves: Iterable[Hash]) -> Frontier:
        """The tree with these leaves at its end."""
        tree = self
        for leaf in leaves:
            tree, _ = tree.append(leaf)
        return tree

    @property
    def root(self) -> Hash:
        return _join(self.peaks) if self.peaks else EMPTY_ROOT


def kept_nodes(finished: Mapping[int, bytes]) -> Nodes:
    """Nodes out of what each leaf finishes (its own hash first, then upwards, joined), by the leaf's position.

    The function that comes back raises LookupError for a subtree that isn't there.
    """

    def node(level: int, index: int) -> Hash:
        found = finished[finished_by(level, index)][32 * level : 32 * (level + 1)]
        if len(found) != 32:
            raise LookupError(f"the leaf at {finished_by(level, index)} finishes no subtree of level {level}")
        return found

    return node


def finishes(position: int) -> int:
    """How many subtrees the leaf at this position finishes, itself included."""
    return _trailing_ones(position) + 1


def finished_by(level: int, index: int) -> int:
    """The position of the leaf that finishes a whole subtree."""
    return ((index + 1) << level) - 1


def peaks_of(size: int) -> list[tuple[int, int]]:
    """The whole subtrees that a tree of this size consists of, greatest first."""
    return list(_whole(0, size))


def frontier(nodes: Nodes, size: int) -> Frontier:
    """The tree as it was at this size."""
    return Frontier(size, tuple(nodes(*peak) for peak in peaks_of(size)))


# --- proving ------------------------------------------------------------------------------------------------


def inclusion_proof(nodes: Nodes, position: int, size: int) -> list[Hash]:
    """What shows that the leaf at this position is in the tree of this size. Raises ValueError outside of it."""
    if not 0 <= position < size:
        raise ValueError(f"position {position} is not in a tree of {size}")
    return [_range_hash(nodes, start, end) for start, end in _inclusion_path(position, 0, size)]


def consistency_proof(nodes: Nodes, old: int, new: int) -> list[Hash]:
    """What shows that the tree of size `new` begins with the tree of size `old`."""
    if not 0 <= old <= new:
        raise ValueError(f"a tree of {new} doesn't begin with one of {old}")
    if old in {0, new}:
        return []
    return [_range_hash(nodes, start, end) for start, end in _consistency_path(old, 0, new, whole=True)]


def needed(prove: Callable[[Nodes], object]) -> set[tuple[int, int]]:
    """The subtrees that a proof asks for: `needed(lambda nodes: inclusion_proof(nodes, 5, 9))`."""
    asked: set[tuple[int, int]] = set()

    def note(level: int, index: int) -> Hash:
        asked.add((level, index))
        return EMPTY_ROOT

    prove(note)
    return asked


# --- verifying ----------------------------------------------------------------------------------------------


def verify_inclusion(leaf: Hash, position: int, size: int, proof: Sequence[Hash], root: Hash) -> bool:
    """Whether the proof leads from the leaf at this position to the root at this size (RFC 9162, 2.1.3.2)."""
    if not 0 <= position < size:
        return False
    here, last, found = position, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if here & 1 or here == last:
            found = node_hash(sibling, found)
            while not here & 1 and here:
                here, last = here >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        here, last = here >> 1, last >> 1
    return last == 0 and found == root


def verify_consistency(old: int, new: int, proof: Sequence[Hash], old_root: Hash, new_root: Hash) -> bool:
    """Whether the proof shows that the new tree begins with the old one (RFC 9162, 2.1.4.2)."""
    if not 0 <= old <= new:
        return False
    if old == new:
        return not proof and old_root == new_root
    if old == 0:
        return not proof and old_root == EMPTY_ROOT
    path = list(proof) if old & (old - 1) else [old_root, *proof]
    if not path:
        return False
    here, last = old - 1, new - 1
    while here & 1:
        here, last = here >> 1, last >> 1
    before = after = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if here & 1 or here == last:
            before, after = node_hash(sibling, before), node_hash(sibling, after)
            while not here & 1 and here:
                here, last = here >> 1, last >> 1
        else:
            after = node_hash(after, sibling)
        here, last = here >> 1, last >> 1
    return last == 0 and before == old_root and after == new_root


# --- inside -------------------------------------------------------------------------------------------------


def _trailing_ones(number: int) -> int:
    return (~number & (number + 1)).bit_length() - 1


def _split(size: int) -> int:
    """The greatest power of two below a size of at least 2."""
    return 1 << ((size - 1).bit_length() - 1)


def _join(peaks: Sequence[Hash]) -> Hash:
    """The root over whole subtrees, greatest first."""
    root = peaks[-1]
    for left in reversed(peaks[:-1]):
        root = node_hash(left, root)
    return root


def _whole(start: int, end: int) -> Iterator[tuple[int, int]]:
    """The whole subtrees that leaves `start` to `end` consist of, where they begin at a subtree's own beginning."""
    while start < end:
        level = (end - start).bit_length() - 1
        yield level, start >> level
        start += 1 << level


def _range_hash(nodes: Nodes, start: int, end: int) -> Hash:
    return _join([nodes(level, index) for level, index in _whole(start, end)])


def _inclusion_path(position: int, start: int, end: int) -> list[tuple[int, int]]:
    if end - start == 1:
        return []
    middle = start + _split(end - start)
    if position < middle:
        return [*_inclusion_path(position, start, middle), (middle, end)]
    return [*_inclusion_path(position, middle, end), (start, middle)]


def _consistency_path(old: int, start: int, end: int, *, whole: bool) -> list[tuple[int, int]]:
    """`whole`: the verifier knows the hash of `start` to `old` already, since it is the old tree."""
    if old == end:
        return [] if whole else [(start, end)]
    middle = start + _split(end - start)
    if old <= middle:
        return [*_consistency_path(old, start, middle, whole=whole), (middle, end)]
    return [*_consistency_path(old, middle, end, whole=False), (start, middle)]
