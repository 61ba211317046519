"""`agentos keys`: one command for the keys of evidence and of the audit log."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.agentos.cli.conftest import RunAgentos


def _key_ids(agentos: RunAgentos, purpose: str) -> list[str]:
    return [
        key["key_id"] for key in agentos("keys", "list", "--key", purpose, "--json").json()["keys"]
    ]


@pytest.mark.parametrize("purpose", ["evidence", "audit"])
def test_keys_of_either_purpose_are_listed_rotated_and_exported(
    agentos: RunAgentos, tmp_path: Path, purpose: str
) -> None:
    first = _key_ids(agentos, purpose)
    rotated = agentos("keys", "rotate", "--key", purpose)
    exported = agentos("keys", "export", str(tmp_path / "keys.json"), "--key", purpose)

    assert rotated.code == exported.code == 0
    assert [*first, rotated.out.strip()] == _key_ids(agentos, purpose)
    document = json.loads((tmp_path / "keys.json").read_bytes())
    assert [key["key_id"] for key in document["keys"]] == _key_ids(agentos, purpose)
    assert (tmp_path / "home" / "keys" / f"{purpose}.key").is_file()
    other = {"evidence", "audit"} - {purpose}
    assert len(_key_ids(agentos, *other)) == 1


def test_heads_signed_before_their_key_was_revoked_verify_with_a_note(agentos: RunAgentos) -> None:
    agentos("call", "say", "text=before")
    [key] = _key_ids(agentos, "audit")

    revoked = agentos(
        "keys", "revoke", key[:12], "--reason", "the laptop was stolen", "--key", "audit"
    )
    agentos("call", "say", "text=after")
    verified = agentos("audit", "verify")

    assert revoked.code == 0, revoked.err
    assert len(_key_ids(agentos, "audit")) == 2, "the key in use was rotated out"
    assert verified.code == 0, verified.err
    assert "the laptop was stolen" in verified.err
    events = agentos("audit", "export", "--format", "jsonl", "--stream", f"key/{key}").out
    [event] = [json.loads(line) for line in events.splitlines()]
    assert event["type"] == "key.revoked"
    assert event["data"]["purpose"] == "audit"
    assert (event["data"]["key_id"], event["data"]["reason"]) == (key, "the laptop was stolen")


def test_a_head_signed_after_its_key_was_revoked_does_not_verify(
    agentos: RunAgentos, tmp_path: Path
) -> None:
    folder = tmp_path / "home" / "keys"
    agentos("call", "say", "text=before")
    [key] = _key_ids(agentos, "audit")
    stolen = (folder / "audit.key").read_bytes()
    agentos("keys", "revoke", key, "--reason", "it was stolen", "--key", "audit")
    ring, current = (folder / "audit.keys.json").read_bytes(), (folder / "audit.key").read_bytes()

    (folder / "audit.keys.json").unlink()
    (folder / "audit.key").write_bytes(stolen)
    agentos("call", "say", "text=by the thief")
    (folder / "audit.keys.json").write_bytes(ring)
    (folder / "audit.key").write_bytes(current)
    verified = agentos("audit", "verify")

    assert verified.code == 4
    assert "which was revoked at" in verified.err


def test_a_revocation_that_is_repeated_is_recorded_once(agentos: RunAgentos) -> None:
    [key] = _key_ids(agentos, "evidence")
    first = agentos("keys", "revoke", key, "--reason", "it leaked", "--json").json()
    again = agentos("keys", "revoke", key, "--reason", "another reason", "--json").json()

    assert first == again
    events = agentos("audit", "export", "--format", "jsonl", "--stream", f"key/{key}").out
    assert len(events.splitlines()) == 1


def test_what_names_no_key_or_no_reason_is_refused(agentos: RunAgentos) -> None:
    [key] = _key_ids(agentos, "evidence")
    for arguments in (
        ("0" * 64, "--reason", "why not"),
        (key[:4], "--reason", "why not"),
        (key, "--reason", " "),
    ):
        assert agentos("keys", "revoke", *arguments).code != 0
    assert _key_ids(agentos, "evidence") == [key]
    assert agentos("keys", "revoke", key).code == 2
