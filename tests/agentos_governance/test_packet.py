"""Evidence packets prove themselves, and show every change of any byte."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agentos.canonical import canonical_json
from agentos.errors import InvalidArgumentError
from agentos_governance.evidence.dsse import pre_authentication_encoding, sign_envelope
from agentos_governance.evidence.packet import PacketSummary, write_packet
from agentos_governance.evidence.packet_verification import verify_packet

KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
OTHER_KEY = Ed25519PrivateKey.from_private_bytes(b"o" * 32)
CONTENTS = [b"first file\n", b"\x00\xffbinary", b""]


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def claim(number: int, digest: str) -> dict[str, Any]:
    return {
        "id": f"EV-{number}",
        "kind": "test_report",
        "claim": "it works",
        "path": "report.txt",
        "lines": {"start": 1, "end": 2},
        "sha256": digest,
        "level": "observed",
        "event_hash": "0" * 64,
    }


def write(folder: Path, key: Ed25519PrivateKey = KEY, **fields: Any) -> PacketSummary:
    arguments: dict[str, Any] = {
        "work_order": "WO-1",
        "predicate": {"contract_version": "sha256:abc", "cost": {"usd": "1.5"}},
        "claims": [claim(1, sha256(CONTENTS[0])), claim(2, "f" * 64)],
        "files": {sha256(content): content for content in CONTENTS},
        "signing_key": key,
    }
    return write_packet(folder, **{**arguments, **fields})


@pytest.fixture
def packet(tmp_path: Path) -> Path:
    folder = tmp_path / "evidence" / "WO-1"
    write(folder)
    return folder


def test_a_written_packet_verifies_offline_and_names_its_statement(packet: Path) -> None:
    verification = verify_packet(packet)
    assert verification.problems == [] and verification.ok
    assert verification.statement is not None
    assert verification.statement["_type"] == "https://in-toto.io/Statement/v1"
    assert verification.statement["predicateType"] == "https://agentos.dev/evidence/v1"
    assert verification.statement["predicate"]["work_order"] == "WO-1"
    assert verification.sha256 == sha256((packet / "statement.json").read_bytes())
    names = {subject["name"] for subject in verification.statement["subject"]}
    assert names == {"claims.jsonl"} | {f"files/{sha256(content)}" for content in CONTENTS}


def test_a_claim_says_whether_the_packet_holds_its_file(packet: Path) -> None:
    lines = (packet / "claims.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["stored"] for line in lines] == [True, False]


def test_the_envelope_is_dsse_as_specified(packet: Path) -> None:
    """Source: the test vector of secure-systems-lab/dsse, protocol.md."""
    assert (
        pre_authentication_encoding("http://example.com/HelloWorld", b"hello world")
        == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )
    envelope = json.loads((packet / "statement.dsse.json").read_bytes())
    assert envelope["payloadType"] == "application/vnd.in-toto+json"
    assert base64.b64decode(envelope["payload"]) == (packet / "statement.json").read_bytes()
    assert envelope["signatures"][0]["keyid"] == sha256(KEY.public_key().public_bytes_raw())


def test_writing_again_gives_the_same_bytes(packet: Path) -> None:
    before = {path: path.read_bytes() for path in packet.rglob("*") if path.is_file()}
    write(packet)
    assert before == {path: path.read_bytes() for path in packet.rglob("*") if path.is_file()}


def test_writing_again_completes_what_a_killed_writer_left(packet: Path) -> None:
    (packet / "statement.dsse.json").unlink()
    (packet / "files" / sha256(CONTENTS[0])).write_bytes(b"half")
    (packet / "files" / ".abc.123.part").write_bytes(b"part")
    (packet / ".statement.json.1.part").write_bytes(b"part")
    assert not verify_packet(packet).ok
    write(packet)
    assert verify_packet(packet).problems == []


def test_a_new_packet_replaces_the_files_of_the_old(packet: Path) -> None:
    write(packet, files={sha256(b"new"): b"new"}, claims=[])
    assert verify_packet(packet).problems == []
    assert [path.name for path in (packet / "files").iterdir()] == [sha256(b"new")]


def test_a_file_on_the_disk_is_stored_by_its_content(packet: Path, tmp_path: Path) -> None:
    (tmp_path / "report").write_bytes(b"from disk")
    write(packet, files={sha256(b"from disk"): tmp_path / "report"}, claims=[])
    assert verify_packet(packet).ok
    (tmp_path / "link").symlink_to(tmp_path / "report")
    with pytest.raises(InvalidArgumentError):
        write(packet, files={"a" * 64: tmp_path / "link"})


@pytest.mark.parametrize("digest", ["a" * 64, "../evil", "A" * 64, ""])
def test_content_that_is_not_its_digest_is_not_stored(packet: Path, digest: str) -> None:
    with pytest.raises(InvalidArgumentError):
        write(packet, files={digest: b"x"})
    assert not list(packet.rglob("*.part")) and not (packet / "files" / ("a" * 64)).exists()


def test_changing_any_byte_of_any_file_shows(packet: Path) -> None:
    for path in sorted(packet.rglob("*")):
        content = path.read_bytes() if path.is_file() else b""
        for position in range(0, len(content), max(1, len(content) // 40)):
            changed = bytearray(content)
            changed[position] ^= 1
            path.write_bytes(bytes(changed))
            assert not verify_packet(packet).ok, (path, position)
        if path.is_file():
            path.write_bytes(content + b"\n")
            assert not verify_packet(packet).ok, path
            path.write_bytes(content)
    assert verify_packet(packet).ok


def test_removing_or_adding_any_file_shows(packet: Path) -> None:
    for path in [path for path in sorted(packet.rglob("*")) if path.is_file()]:
        content = path.read_bytes()
        path.unlink()
        assert not verify_packet(packet).ok, path
        path.write_bytes(content)
    for name in ("extra", "files/" + "0" * 64, "files/.hidden"):
        (packet / name).write_bytes(b"x")
        assert not verify_packet(packet).ok, name
        (packet / name).unlink()
    (packet / "folder").mkdir()
    assert not verify_packet(packet).ok


def test_links_in_a_packet_show(packet: Path, tmp_path: Path) -> None:
    path = packet / "files" / sha256(CONTENTS[0])
    path.rename(tmp_path / "moved")
    path.symlink_to(tmp_path / "moved")
    assert not verify_packet(packet).ok
    path.unlink()
    (tmp_path / "moved").rename(path)
    assert verify_packet(packet).ok
    (packet / "files").rename(tmp_path / "files")
    (packet / "files").symlink_to(tmp_path / "files")
    assert not verify_packet(packet).ok


def test_a_signature_of_another_statement_or_key_shows(packet: Path, tmp_path: Path) -> None:
    write(tmp_path / "other", work_order="WO-2")
    shutil.copy(tmp_path / "other" / "statement.dsse.json", packet)
    assert not verify_packet(packet).ok
    statement = (packet / "statement.json").read_bytes()
    forged = canonical_json(sign_envelope(statement, OTHER_KEY))
    (packet / "statement.dsse.json").write_bytes(forged)
    assert verify_packet(packet).problems == ["the signature names another key"]


def test_a_packet_signed_by_another_key_fails_only_where_keys_are_pinned(packet: Path) -> None:
    trusted = verify_packet(packet).key_id
    assert trusted is not None
    assert verify_packet(packet, trusted_keys=[trusted]).is_key_pinned
    write(packet, key=OTHER_KEY)
    assert verify_packet(packet).ok
    assert "is not a trusted key" in verify_packet(packet, trusted_keys=[trusted]).problems[0]


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{", b'{"a": 1}', b'{"a":1,"a":1}', b"\xff", b"[" * 9]
)
def test_a_statement_of_another_form_is_a_problem_and_not_an_exception(
    packet: Path, content: bytes
) -> None:
    for name in ("statement.json", "statement.dsse.json"):
        original = (packet / name).read_bytes()
        (packet / name).write_bytes(content)
        assert not verify_packet(packet).ok
        (packet / name).write_bytes(original)


def test_a_folder_that_is_no_packet_is_a_problem(tmp_path: Path) -> None:
    assert not verify_packet(tmp_path).ok
    assert not verify_packet(tmp_path / "missing").ok


def test_a_claim_that_lies_about_its_file_shows(packet: Path) -> None:
    """A signer who writes such a packet is caught as well."""
    lines = (packet / "claims.jsonl").read_bytes().replace(b'"stored":false', b'"stored":true')
    statement = json.loads((packet / "statement.json").read_bytes())
    statement["subject"][0]["digest"]["sha256"] = sha256(lines)
    content = canonical_json(statement)
    (packet / "claims.jsonl").write_bytes(lines)
    (packet / "statement.json").write_bytes(content)
    (packet / "statement.dsse.json").write_bytes(canonical_json(sign_envelope(content, KEY)))
    assert verify_packet(packet).problems == [
        "claims.jsonl line 2: its file is stored or not as it says"
    ]


def test_a_claim_without_its_fields_is_refused(packet: Path) -> None:
    with pytest.raises(InvalidArgumentError, match="lacks"):
        write(packet, claims=[{"id": "EV-1"}])
