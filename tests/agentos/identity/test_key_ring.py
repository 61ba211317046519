"""A ring of keys: each vouched for by the one before, whole after every crash."""

from __future__ import annotations

import base64
import json
import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agentos.errors import ConfigurationError, InvalidArgumentError
from agentos.identity.key_ring import key_id_of, load_key_ring, rotate_key
from agentos.identity.signing_key import load_or_create_signing_key

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "evidence.key"


def _ring_file(path: Path) -> Path:
    return path.parent / "evidence.keys.json"


def test_an_existing_key_becomes_the_first_of_its_ring(path: Path) -> None:
    existing = load_or_create_signing_key(path)
    ring = load_key_ring(path)
    assert [key.key_id for key in ring.keys] == [key_id_of(existing.public_key())]
    assert ring.current.previous is None and ring.current.signature is None
    assert load_key_ring(path).keys == ring.keys


def test_each_new_key_is_signed_by_the_old_which_signs_no_more(path: Path) -> None:
    first = load_key_ring(path)
    second = rotate_key(path, NOW)
    third = rotate_key(path, NOW + timedelta(days=1))
    assert [key.key_id for key in third.keys[:2]] == [key.key_id for key in second.keys]
    for before, after, ring in ((first, second, second), (second, third, third)):
        key = ring.current
        assert key.previous == before.current.key_id and key.signature is not None
        before.private_key.public_key().verify(base64.b64decode(key.signature), key.message)
        assert after.private_key.private_bytes_raw() != before.private_key.private_bytes_raw()
    assert load_or_create_signing_key(path).private_bytes_raw() == (
        third.private_key.private_bytes_raw()
    )
    files = sorted(file.name for file in path.parent.iterdir())
    assert files == [".evidence.key.lock", "evidence.key", "evidence.keys.json"]
    assert all((path.parent / name).stat().st_mode & 0o077 == 0 for name in files)


def test_the_ring_holds_no_secret(path: Path) -> None:
    ring = rotate_key(path, NOW)
    text = _ring_file(path).read_text("utf-8")
    assert base64.b64encode(ring.private_key.private_bytes_raw()).decode() not in text
    assert json.loads(text) == ring.document()


def test_rotations_at_once_follow_one_another(path: Path) -> None:
    def rotate(number: int) -> bool:
        try:
            rotate_key(path, NOW + timedelta(seconds=number))
        except InvalidArgumentError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        rotated = list(pool.map(rotate, range(16)))
    ring = load_key_ring(path)
    assert len(ring.keys) == 1 + sum(rotated) and any(rotated)
    begins = [key.not_before for key in ring.keys]
    assert begins == sorted(begins)


def test_a_key_does_not_begin_before_the_one_that_vouches_for_it(path: Path) -> None:
    rotate_key(path, NOW)
    for at in (NOW, NOW - timedelta(seconds=1)):
        with pytest.raises(InvalidArgumentError, match="later"):
            rotate_key(path, at)
    assert len(load_key_ring(path).keys) == 2


# Where a rotation may be killed: before each of its durable steps.
STEPS = ("_vouched", "_write_ring", "after the ring", "_sync")


def _kill_at(step: str, path: Path) -> None:
    """Rotate in a child that dies at `step`."""
    child = os.fork()
    if child == 0:
        from agentos.identity import key_ring

        def die(*arguments: Any) -> None:
            os.kill(os.getpid(), signal.SIGKILL)

        original: Callable[..., None] = key_ring._write_ring

        def write_and_die(*arguments: Any) -> None:
            original(*arguments)
            die()

        if step == "after the ring":
            setattr(key_ring, "_write_ring", write_and_die)  # noqa: B010 - not its exact type
        else:
            setattr(key_ring, step, die)
        rotate_key(path, NOW)
        os._exit(0)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1])


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_rotation_that_is_killed_happened_or_did_not(path: Path, step: str) -> None:
    first = load_key_ring(path)
    _kill_at(step, path)
    ring = load_key_ring(path)
    assert len(ring.keys) in (1, 2)
    assert ring.current.key_id == key_id_of(ring.private_key.public_key())
    assert ring.keys[0] == first.keys[0]
    assert not path.with_name("evidence.key.next").exists()
    assert len(rotate_key(path, NOW + timedelta(days=1)).keys) == len(ring.keys) + 1


def _change(field: str, value: object) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        document["keys"][1][field] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        _change("public_key", base64.b64encode(b"x" * 32).decode()),
        _change("key_id", "a" * 64),
        _change("not_before", "2020-01-01T00:00:00.000000Z"),
        _change("previous", "b" * 64),
        _change("signature", base64.b64encode(b"x" * 64).decode()),
        _change("signature", None),
        _change("extra", 1),
        lambda document: document["keys"].reverse(),
        lambda document: document["keys"].clear(),
        lambda document: document.update(format="other"),
        lambda document: document["keys"].pop(),
    ],
)
def test_a_ring_that_was_changed_stops_the_use_of_its_key(
    path: Path, change: Callable[[dict[str, Any]], None]
) -> None:
    rotate_key(path, NOW)
    document = json.loads(_ring_file(path).read_bytes())
    change(document)
    _ring_file(path).write_text(json.dumps(document), "utf-8")
    with pytest.raises(ConfigurationError, match=r"key ring|newest key"):
        load_key_ring(path)
    with pytest.raises(ConfigurationError):
        rotate_key(path, NOW + timedelta(days=1))


def test_a_ring_without_its_private_key_is_not_continued_by_another(path: Path) -> None:
    rotate_key(path, NOW)
    path.unlink()
    with pytest.raises(ConfigurationError, match="one backup"):
        load_key_ring(path)
