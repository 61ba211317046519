"""The installation's key: one for all processes, for its owner's eyes only."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from agentos import ConfigurationError
from agentos.identity.signing_key import find_key, load_or_create_signing_key


def test_all_who_ask_at_once_get_the_same_key(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "audit.key"
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(load_or_create_signing_key, [path] * 16))

    assert len({key.private_bytes_raw() for key in keys}) == 1
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["audit.key"]


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    load_or_create_signing_key(tmp_path / "audit.key")
    (tmp_path / "audit.key").chmod(0o644)

    with pytest.raises(ConfigurationError, match="chmod 600"):
        find_key(tmp_path / "audit.key")


def test_a_file_that_is_no_key_is_refused_and_a_missing_one_is_none(tmp_path: Path) -> None:
    path = tmp_path / "audit.key"
    assert find_key(path) is None
    path.write_text("hello")
    path.chmod(0o600)

    with pytest.raises(ConfigurationError, match="PEM"):
        load_or_create_signing_key(path)
