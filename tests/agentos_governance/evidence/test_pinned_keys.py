"""Whoever pins a key learns that the right one signed; rotation keeps that true."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from typer.testing import CliRunner

from agentos import (
    ConfigurationError,
    InvalidArgumentError,
    KeyRing,
    Settings,
    canonical_json,
    load_key_ring,
)
from agentos.cli import keys as keys_command
from agentos.identity.key_ring import revoke_key, rotate_key
from agentos_governance.evidence.command_line import evidence
from agentos_governance.evidence.packet_verification import verify_packet
from agentos_governance.evidence.packets import packet_folder
from tests.agentos_governance.evidence.sample_packets import (
    START,
    sample_keys,
    sign_again,
    write_sample,
)
from tests.agentos_governance.lifecycle import open_office


def _rotated(home: Path, days: int = 1) -> KeyRing:
    sample_keys(home)
    return rotate_key(home / "keys" / "evidence.key", START + timedelta(days=days))


def _verify(folder: Path, *options: str) -> int:
    return CliRunner().invoke(evidence, ["verify", str(folder), *options]).exit_code


def test_an_unknown_key_fails_only_where_keys_are_pinned(tmp_path: Path) -> None:
    own, other = sample_keys(tmp_path / "own"), sample_keys(tmp_path / "other")
    folder = tmp_path / "WO-1"
    write_sample(folder, other)
    assert verify_packet(folder).ok and not verify_packet(folder).is_key_pinned
    assert _verify(folder) == 0
    assert _verify(folder, "--pin", own.current.key_id) == 4
    assert _verify(folder, "--pin", other.current.key_id) == 0
    pinned = verify_packet(folder, trusted_keys=[own.current.key_id])
    assert "no pinned key vouches for it" in pinned.problems[0] and not pinned.is_key_pinned
    assert not verify_packet(folder, trusted_keys=[]).ok


def test_every_form_of_a_key_file_is_read(tmp_path: Path) -> None:
    keys, other = sample_keys(tmp_path / "home"), sample_keys(tmp_path / "other")
    folder = tmp_path / "WO-1"
    write_sample(folder, keys)
    for ring, code in ((keys, 0), (other, 4)):
        public = ring.private_key.public_key()
        forms = {
            "pem": public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
            "hex": public.public_bytes_raw().hex().encode() + b"\n",
            "base64": ring.current.public_key.encode(),
            "ring": json.dumps(ring.document()).encode(),
        }
        for name, content in forms.items():
            file = tmp_path / name
            file.write_bytes(content)
            assert _verify(folder, "--key", str(file)) == code, name
    bad = json.dumps({**keys.document(), "format": "x"}).encode()
    for content in (b"", b"{}", b"{", b"[]", b"no key", b"a" * 63, bad):
        (tmp_path / "bad").write_bytes(content)
        with pytest.raises(InvalidArgumentError):
            verify_packet(folder, key_files=[tmp_path / "bad"])


def test_a_pinned_first_key_vouches_for_the_later_ones(tmp_path: Path) -> None:
    first = sample_keys(tmp_path / "home")
    (tmp_path / "first.json").write_text(json.dumps(first.document()), "utf-8")
    second = _rotated(tmp_path / "home")
    third = _rotated(tmp_path / "home", days=2)
    folder = tmp_path / "WO-1"
    write_sample(folder, third)
    for key in third.keys:
        assert _verify(folder, "--pin", key.key_id) == 0
    assert _verify(folder, "--key", str(tmp_path / "first.json")) == 0
    outcome = verify_packet(folder, trusted_keys=[first.current.key_id])
    assert outcome.is_key_pinned and outcome.key_id == third.current.key_id
    write_sample(folder, first)
    assert _verify(folder, "--pin", second.current.key_id) == 4


def test_a_stranger_who_copies_the_chain_is_not_vouched_for(tmp_path: Path) -> None:
    second, stranger = _rotated(tmp_path / "home"), sample_keys(tmp_path / "stranger")
    first = second.keys[0].key_id
    forged = KeyRing((*second.keys, *stranger.keys), stranger.private_key)
    folder = tmp_path / "WO-1"
    write_sample(folder, forged)
    assert _verify(folder) == 4 and _verify(folder, "--pin", first) == 4
    posing = KeyRing(second.keys, stranger.private_key)
    write_sample(folder, posing)
    assert _verify(folder) == 4
    write_sample(folder, second)
    assert _verify(folder, "--pin", first) == 0
    sign_again(folder, stranger)
    assert _verify(folder) == 4


def test_a_stranger_under_the_name_of_a_pinned_key_is_found(tmp_path: Path) -> None:
    own, stranger = sample_keys(tmp_path / "own"), sample_keys(tmp_path / "stranger")
    named = replace(stranger.current, key_id=own.current.key_id)
    folder = tmp_path / "WO-1"
    write_sample(folder, KeyRing((named,), stranger.private_key))
    envelope = json.loads((folder / "statement.dsse.json").read_bytes())
    envelope["signatures"][0]["keyid"] = own.current.key_id
    (folder / "statement.dsse.json").write_bytes(canonical_json(envelope))
    assert verify_packet(folder).problems == ["a key's id is not its public key's"]
    assert not verify_packet(folder, trusted_keys=[own.current.key_id]).is_key_pinned


def test_a_chain_names_nothing_before_its_first_key(tmp_path: Path) -> None:
    keys = sample_keys(tmp_path / "home")
    folder = tmp_path / "WO-1"
    for named in (
        replace(keys.current, previous="a" * 64),
        replace(keys.current, signature="AAAA"),
    ):
        write_sample(folder, KeyRing((named,), keys.private_key))
        assert verify_packet(folder).problems == ["the first key of a chain names a key before it"]


def test_a_key_does_not_begin_before_the_one_that_vouches_for_it(tmp_path: Path) -> None:
    second, third = _rotated(tmp_path / "home", 1), _rotated(tmp_path / "home", 2)
    early = replace(third.current, not_before="1969-01-01T00:00:00.000000Z")
    signature = base64.b64encode(second.private_key.sign(early.message)).decode("ascii")
    folder = tmp_path / "WO-1"
    chain = (*second.keys, replace(early, signature=signature))
    write_sample(folder, KeyRing(chain, third.private_key))
    [problem] = verify_packet(folder).problems
    assert "begins before the key that vouches for it" in problem


def test_a_retired_key_signs_no_later_packet_for_whoever_pins_the_ring(tmp_path: Path) -> None:
    first = sample_keys(tmp_path / "home")
    early = rotate_key(tmp_path / "home" / "keys" / "evidence.key", START - timedelta(days=1))
    ring = tmp_path / "ring.json"
    ring.write_text(json.dumps(early.document()), "utf-8")
    folder = tmp_path / "WO-1"
    write_sample(folder, first)
    result = CliRunner().invoke(evidence, ["verify", str(folder), "--key", str(ring)])
    assert result.exit_code == 4 and "was retired" in result.output
    write_sample(folder, early)
    assert _verify(folder, "--key", str(ring)) == 0


@pytest.mark.anyio
async def test_packets_before_and_after_a_rotation_verify_with_the_first_key_pinned(
    settings: Settings, tmp_path: Path
) -> None:
    async with open_office(settings) as office:
        orders = [await office.create(title) for title in ("A", "B")]
        key_ids = []
        for order in orders:
            await office.claim("w1", order)
            packet = (await office.submit("w1", order))["packet_sha256"]
            assert await office.vote("reviewer", order, packet) == "completed"
            await office.call("planner", "get_work_report", work_order=order)
            verification = verify_packet(packet_folder(settings, order))
            assert verification.ok, verification.problems
            key_ids.append(verification.key_id)
            rotate_key(settings.home / "keys" / "evidence.key", office.clock.now())
            office.clock.advance(60)
        assert key_ids[0] is not None and key_ids[0] != key_ids[1]
        for order in orders:
            folder = packet_folder(settings, order)
            assert verify_packet(folder, trusted_keys=[key_ids[0]]).is_key_pinned
            ring = settings.home / "keys" / "evidence.keys.json"
            assert verify_packet(folder, key_files=[ring]).is_key_pinned


def test_keys_are_listed_rotated_and_exported_on_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENTOS_HOME", str(tmp_path / "home"))

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(keys_command.app, list(arguments))
        assert result.exit_code == 0, result.output
        return str(result.stdout)

    [first] = json.loads(run("list", "--json"))["keys"]
    assert first["not_after"] is None and first["vouched_by"] is None
    rotated = json.loads(run("rotate", "--json"))["keys"]
    assert [key["vouched_by"] for key in rotated] == [None, first["key_id"]]
    assert rotated[0]["not_after"] == rotated[1]["not_before"]
    assert "signs now" in run("list")
    exported = tmp_path / "public.json"
    run("export", str(exported))
    folder = tmp_path / "WO-1"
    write_sample(folder, sample_keys(tmp_path / "home"))
    assert _verify(folder, "--key", str(exported)) == 0
    run("rotate")
    write_sample(folder, sample_keys(tmp_path / "home"))
    assert _verify(folder, "--key", str(exported)) == 0


class _At:
    """A clock that stands still, and moves on a little whenever it is read."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def now(self) -> datetime:
        self._now += timedelta(seconds=1)
        return self._now


@pytest.mark.parametrize(("days", "code"), [(1, 0), (-1, 4)])
def test_a_packet_verifies_with_a_note_until_its_key_was_revoked(
    tmp_path: Path, days: int, code: int
) -> None:
    """The sample's head is of START: before the revocation, or after it."""
    path = tmp_path / "home" / "keys" / "evidence.key"
    first = sample_keys(tmp_path / "home")
    folder, pinned = tmp_path / "WO-1", tmp_path / "ring.json"
    write_sample(folder, first)
    ring = revoke_key(path, first.current.key_id, "it leaked", _At(START + timedelta(days=days)))
    pinned.write_bytes(canonical_json(ring.document()))

    assert _verify(folder, "--key", str(pinned)) == code
    outcome = verify_packet(folder, key_files=[pinned])
    assert any("it leaked" in said for said in (outcome.notes if code == 0 else outcome.problems))
    assert _verify(folder) == 0, "whoever pins nothing does not know"
    assert ring.current.key_id != first.current.key_id
    write_sample(folder, ring)
    assert _verify(folder, "--key", str(pinned)) == 0


def test_a_key_that_a_revoked_one_vouches_for_later_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "home" / "keys" / "evidence.key"
    first = sample_keys(tmp_path / "home")
    thief = tmp_path / "thief" / "keys"
    thief.mkdir(parents=True)
    for file in path.parent.glob("evidence.*"):
        (thief / file.name).write_bytes(file.read_bytes())
        (thief / file.name).chmod(0o600)
    forged = rotate_key(thief / "evidence.key", START - timedelta(days=9))
    ring = revoke_key(path, first.current.key_id, "it leaked", _At(START - timedelta(days=1)))
    (tmp_path / "ring.json").write_bytes(canonical_json(ring.document()))
    folder = tmp_path / "WO-1"
    write_sample(folder, forged)

    assert _verify(folder, "--key", str(tmp_path / "ring.json")) == 4
    problem = verify_packet(folder, key_files=[tmp_path / "ring.json"]).problems[0]
    assert "vouches for a key that its ring does not know" in problem


def test_a_revocation_that_was_changed_makes_the_ring_unusable(tmp_path: Path) -> None:
    path = tmp_path / "home" / "keys" / "evidence.key"
    first = sample_keys(tmp_path / "home")
    revoke_key(path, first.current.key_id, "it leaked", _At(START))
    file = path.with_name("evidence.keys.json")
    whole = json.loads(file.read_bytes())
    for name in whole["revoked"][0]:
        changed = json.loads(json.dumps(whole))
        changed["revoked"][0][name] = "2027" + changed["revoked"][0][name][4:]
        file.write_bytes(canonical_json(changed))
        with pytest.raises(ConfigurationError, match="does not prove itself"):
            load_key_ring(path)
    file.write_bytes(canonical_json(whole))
    assert len(load_key_ring(path).revocations) == 1
