"""Whoever pins a key learns that the right one signed; rotation keeps that true."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from typer.testing import CliRunner

from agentos import InvalidArgumentError, KeyRing, Settings, canonical_json
from agentos.cli import keys as keys_command
from agentos.identity.key_ring import rotate_key
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
