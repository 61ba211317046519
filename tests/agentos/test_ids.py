"""Identifiers: short, without letters that are mistaken for others, and of calls in order of time."""

from __future__ import annotations

import pytest

from agentos import ids

CROCKFORD = set("0123456789ABCDEFGHJKMNPQRSTVWXYZ")


def test_an_id_is_its_prefix_and_as_many_random_characters_as_asked_for() -> None:
    made = {ids.new_id("WO", 9) for _ in range(1_000)}
    assert len(made) == 1_000
    assert all(id.startswith("WO-") and len(id) == 12 for id in made)
    assert {char for id in made for char in id[3:]} == CROCKFORD


def test_ids_of_calls_differ_and_begin_alike_within_16_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("agentos.ids.time.time", lambda: 1_800_000_000.0)
    first = {ids.new_call_id() for _ in range(1_000)}
    monkeypatch.setattr("agentos.ids.time.time", lambda: 1_800_000_015.9)
    first |= {ids.new_call_id() for _ in range(1_000)}
    assert len(first) == 2_000
    assert len({id[:9] for id in first}) == 1
    assert all(id.startswith("CA-") and len(id) == 19 for id in first)
    assert {char for id in first for char in id[9:]} == CROCKFORD


def test_ids_of_calls_are_in_the_order_of_their_time(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    # The first one and the last one that there will be.
    for at in (0, 1_700_000_000, 1_700_000_016, 1_800_000_000, 2_000_000_000, (32**6 - 1) * 16):
        monkeypatch.setattr("agentos.ids.time.time", lambda at=at: float(at))
        made.append(ids.new_call_id())
    assert made == sorted(made)
    assert [id[3:9] for id in (made[0], made[-1])] == ["000000", "ZZZZZZ"]
