"""The tree under a signed head is that of RFC 6962, so that anyone's verifier agrees."""

from __future__ import annotations

import hashlib

import pytest

from agentos.events.frontier import EMPTY_ROOT, Frontier


def tree_hash(entries: list[bytes]) -> bytes:
    """MTH of RFC 6962 section 2.1, as it is written there."""
    if not entries:
        return hashlib.sha256(b"").digest()
    if len(entries) == 1:
        return hashlib.sha256(b"\x00" + entries[0]).digest()
    k = 1
    while k * 2 < len(entries):
        k *= 2
    return hashlib.sha256(b"\x01" + tree_hash(entries[:k]) + tree_hash(entries[k:])).digest()


def test_the_root_is_that_of_the_rfc_at_every_size_also_after_going_on_from_the_peaks() -> None:
    entries = [hashlib.sha256(str(n).encode()).digest() for n in range(70)]
    frontier = Frontier()
    assert frontier.root == EMPTY_ROOT
    for size, entry in enumerate(entries, start=1):
        frontier.append(entry)
        assert frontier.root == tree_hash(entries[:size]).hex()
        frontier = Frontier(frontier.size, frontier.peaks)


def test_peaks_of_no_tree_of_that_size_are_refused() -> None:
    with pytest.raises(ValueError, match="complete subtrees"):
        Frontier(3, ["00" * 32])
    with pytest.raises(ValueError, match="non-hexadecimal"):
        Frontier(1, ["xy"])
