"""Merkle trees as RFC 6962 has them, against its definition and its test vectors."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentos import InvalidArgumentError
from agentos_governance.evidence.merkle import MerkleTree, leaf_hash, node_hash
from agentos_governance.evidence.verify_packet import is_consistent, is_included

# Source: the reference test data of certificate-transparency-go and of RFC 9162 implementations.
VECTORS = [
    bytes.fromhex(text)
    for text in (
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]  # fmt: skip
ROOT = "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"


def _defined_root(entries: Sequence[bytes]) -> bytes:
    """MTH of RFC 6962 section 2.1, as it is written there."""
    if not entries:
        return hashlib.sha256(b"").digest()
    if len(entries) == 1:
        return leaf_hash(entries[0])
    split = 1
    while split * 2 < len(entries):
        split *= 2
    return node_hash(_defined_root(entries[:split]), _defined_root(entries[split:]))


def test_the_root_is_that_of_the_reference_vectors() -> None:
    assert MerkleTree(VECTORS).root.hex() == ROOT


def test_every_entry_and_every_beginning_is_proved_for_every_size_up_to_40() -> None:
    for size in range(41):
        entries = [bytes([number]) for number in range(size)]
        tree = MerkleTree(entries)
        assert tree.root == _defined_root(entries)
        for index in range(size):
            path = tree.inclusion_path(index)
            assert is_included(entries[index], index, size, path, tree.root)
            others = [other for other in range(-1, size + 1) if other != index]
            assert not any(is_included(entries[index], o, size, path, tree.root) for o in others)
            assert not is_included(b"other", index, size, path, tree.root)
            assert not is_included(entries[index], index, size, [*path, tree.root], tree.root)
            if path:
                assert not is_included(entries[index], index, size, path[:-1], tree.root)
        for old in range(1, size + 1):
            path = tree.consistency_path(old)
            assert tree.root_at(old) == _defined_root(entries[:old])
            assert is_consistent(old, tree.root_at(old), size, tree.root, path)
            assert not is_consistent(old, b"x" * 32, size, tree.root, path)
            assert not is_consistent(old, tree.root_at(old), size, b"x" * 32, path)
            if old < size:
                assert not is_consistent(old, tree.root_at(old), size, tree.root, path[:-1])
                assert not is_consistent(old, tree.root_at(old), size, tree.root, [*path, path[0]])


@settings(deadline=None)
@given(st.lists(st.binary(max_size=4), min_size=1, max_size=300), st.data())
def test_a_proof_holds_for_its_entry_only(entries: list[bytes], data: st.DataObject) -> None:
    tree = MerkleTree(entries)
    index = data.draw(st.integers(0, len(entries) - 1))
    other = data.draw(st.binary(max_size=4))
    path = tree.inclusion_path(index)
    assert is_included(entries[index], index, tree.size, path, tree.root)
    assert is_included(other, index, tree.size, path, tree.root) == (other == entries[index])


def test_a_tree_has_no_proof_of_what_it_does_not_hold() -> None:
    tree = MerkleTree([b"a", b"b"])
    for index in (-1, 2):
        with pytest.raises(InvalidArgumentError):
            tree.inclusion_path(index)
    with pytest.raises(InvalidArgumentError):
        tree.consistency_path(3)
    assert tree.consistency_path(0) == tree.consistency_path(2) == []
