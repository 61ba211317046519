"""One signing key, private to its owner, however many processes ask first."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from agentos.errors import ConfigurationError
from agentos_governance.keys import key_id, load_or_create_signing_key, raw_public_key


def test_a_key_is_made_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "signing.pem"
    first = load_or_create_signing_key(path)
    again = load_or_create_signing_key(path)
    assert first.private_bytes_raw() == again.private_bytes_raw()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(path.parent) == ["signing.pem"]


def test_processes_that_ask_at_once_get_the_same_key(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path;"
        "from agentos_governance.keys import *;"
        "sys.stdin.read();"
        "k = load_or_create_signing_key(Path(sys.argv[1]));"
        "print(key_id(raw_public_key(k.public_key())))"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path / "signing.pem")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
    ids = {process.communicate()[0].strip() for process in processes}
    key = load_or_create_signing_key(tmp_path / "signing.pem")
    assert ids == {key_id(raw_public_key(key.public_key()))}


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    load_or_create_signing_key(tmp_path / "signing.pem")
    (tmp_path / "signing.pem").chmod(0o644)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        load_or_create_signing_key(tmp_path / "signing.pem")


def test_a_file_that_is_no_ed25519_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "signing.pem"
    other = generate_private_key(SECP256R1())
    for content in (
        b"",
        b"not a key",
        other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    ):
        path.write_bytes(content)
        path.chmod(0o600)
        with pytest.raises(ConfigurationError):
            load_or_create_signing_key(path)
