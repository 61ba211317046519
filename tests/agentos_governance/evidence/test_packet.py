"""Evidence packets prove themselves, and show every change of any byte."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentos import KeyRing, canonical_json
from agentos.errors import InvalidArgumentError
from agentos_governance.evidence.blobs import DirectoryBlobs, iter_blob
from agentos_governance.evidence.dsse import pre_authentication_encoding, sign_envelope
from agentos_governance.evidence.packet import write_packet
from agentos_governance.evidence.packet_verification import verify_packet
from tests.agentos_governance.evidence.sample_packets import (
    CONTENTS,
    decoded,
    read_lines,
    read_statement,
    sample_content,
    sample_events,
    sample_keys,
    sha256,
    write_sample,
)


@pytest.fixture
def keys(tmp_path: Path) -> KeyRing:
    return sample_keys(tmp_path / "home")


@pytest.fixture
def packet(tmp_path: Path, keys: KeyRing) -> Path:
    folder = tmp_path / "evidence" / "WO-1"
    write_sample(folder, keys)
    return folder


def test_a_written_packet_verifies_offline_and_names_its_statement(packet: Path) -> None:
    verification = verify_packet(packet)
    assert verification.problems == [] and verification.ok
    assert (verification.claims, verification.files) == (4, 6)
    assert verification.statement is not None
    assert verification.statement["_type"] == "https://in-toto.io/Statement/v1"
    assert verification.statement["predicateType"] == "https://agentos.dev/evidence/v2"
    assert verification.statement["predicate"]["work_order"] == "WO-1"
    assert verification.sha256 == sha256((packet / "statement.json").read_bytes())
    names = {subject["name"] for subject in read_statement(packet)["subject"]}
    documents = {"claims.jsonl", "proofs.jsonl", "verify_packet.py"}
    assert names == documents | {f"files/{sha256(content)}" for content in CONTENTS}


def test_a_claim_says_whether_the_packet_holds_its_file(packet: Path) -> None:
    assert [line["stored"] for line in read_lines(packet, "claims.jsonl")] == [
        True,
        True,
        True,
        False,
    ]


def test_the_envelope_is_dsse_as_specified(packet: Path, keys: KeyRing) -> None:
    """Source: the test vector of secure-systems-lab/dsse, protocol.md."""
    assert (
        pre_authentication_encoding("http://example.com/HelloWorld", b"hello world")
        == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )
    assert decoded(packet / "statement.dsse.json") == (packet / "statement.json").read_bytes()
    assert verify_packet(packet).key_id == keys.current.key_id


def test_writing_again_gives_the_same_bytes(packet: Path, keys: KeyRing) -> None:
    before = {path: path.read_bytes() for path in packet.rglob("*") if path.is_file()}
    write_sample(packet, keys)
    assert before == {path: path.read_bytes() for path in packet.rglob("*") if path.is_file()}


def test_writing_again_completes_what_a_killed_writer_left(packet: Path, keys: KeyRing) -> None:
    (packet / "statement.dsse.json").unlink()
    (packet / "files" / sha256(CONTENTS[0])).write_bytes(b"half")
    (packet / "files" / ".abc.123.part").write_bytes(b"part")
    (packet / ".statement.json.1.part").write_bytes(b"part")
    assert not verify_packet(packet).ok
    write_sample(packet, keys)
    assert verify_packet(packet).problems == []


def test_a_new_packet_replaces_the_files_of_the_old(packet: Path, keys: KeyRing) -> None:
    write_sample(packet, keys, contents=[b"new"])
    assert verify_packet(packet).problems == []
    assert [path.name for path in (packet / "files").iterdir()] == [sha256(b"new")]


def test_a_packet_without_evidence_verifies(packet: Path, keys: KeyRing) -> None:
    write_sample(packet, keys, events=sample_events("WO-1", 0), contents=[])
    assert verify_packet(packet).problems == []


def test_a_blob_that_was_changed_does_not_get_into_a_packet(
    packet: Path, keys: KeyRing, tmp_path: Path
) -> None:
    blobs = DirectoryBlobs(tmp_path / "blobs")
    for content in CONTENTS:
        blobs.put(content)
    stored = tmp_path / "blobs" / sha256(CONTENTS[0])[:2] / sha256(CONTENTS[0])
    stored.write_bytes(b"first fi1e\n")
    shutil.rmtree(packet)

    def read(digest: str) -> Iterator[bytes]:
        return iter_blob(blobs, digest)

    with pytest.raises(Exception, match="was changed"):
        write_packet(packet, sample_content(), read_file=read, keys=keys)
    assert not list(packet.rglob("*.part"))
    assert not (packet / "files" / sha256(CONTENTS[0])).exists()
    assert not verify_packet(packet).ok


@pytest.mark.parametrize("digest", ["../evil", "A" * 64, ""])
def test_what_is_no_digest_names_no_file(packet: Path, keys: KeyRing, digest: str) -> None:
    content = sample_content()
    bad = type(content)(
        content.work_order, content.predicate, content.claims, content.proofs, [digest]
    )
    with pytest.raises(InvalidArgumentError):
        write_packet(packet, bad, read_file=lambda digest: iter([b"x"]), keys=keys)


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


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{", b'{"a": 1}', b'{"a":1,"a":1}', b"\xff", b"[" * 90_000, b"{}"]
)
def test_a_document_of_another_form_is_a_problem_and_not_an_exception(
    packet: Path, keys: KeyRing, content: bytes
) -> None:
    for name in ("statement.json", "statement.dsse.json", "claims.jsonl", "proofs.jsonl"):
        original = (packet / name).read_bytes()
        (packet / name).write_bytes(content)
        assert not verify_packet(packet).ok
        (packet / name).write_bytes(original)
    signed = canonical_json(sign_envelope(content, keys.private_key))
    (packet / "statement.json").write_bytes(content)
    (packet / "statement.dsse.json").write_bytes(signed)
    assert not verify_packet(packet).ok


def test_a_folder_that_is_no_packet_is_a_problem(tmp_path: Path) -> None:
    assert not verify_packet(tmp_path).ok
    assert not verify_packet(tmp_path / "missing").ok
