"""What a tool shows of code holds no recognised secret, and its digests stay those of the file.

Who may search is not always who may see a key that somebody committed (issue 4, Memory).
"""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import pytest

from agentos import Kernel
from agentos_memory.shown_lines import key_lines, redact_lines, without_keys
from tests.agentos_memory.repositories import call, make_repository

pytestmark = pytest.mark.anyio

TOKEN = "ghp_" + "a1B2" * 9
PASSWORD = "hunter2hunter2"
KEY_LINES = [f"{n}MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7" for n in range(1, 30)]
KEY = "\n".join(["-----BEGIN PRIVATE KEY-----", *KEY_LINES, "-----END PRIVATE KEY-----"])
CODE = f'''"""How the bank is asked."""

PEM = """
{KEY}
"""


def ask_bank(cents, password="{PASSWORD}") -> bytes:
    """Ask the bank for money."""
    return send("{TOKEN}", cents)


def send(token: str, cents: int) -> bytes:
    """Send it."""
    return sign_with(PEM, token, cents)


def sign_with(key: str, token: str, cents: int) -> bytes:
    """Sign it."""
    return f"{{key}}{{token}}{{cents}}".encode()
'''


@pytest.fixture
async def bank(kernel: Kernel, tmp_path: Path) -> Path:
    """An indexed repository with secrets in its code."""
    root = make_repository(tmp_path / "bank", {"bank.py": CODE})
    await call(kernel, "index_repository", path=str(root))
    return root


@pytest.mark.parametrize(
    "query", ["ask_bank", "Ask the bank for money", "bank.py:41", f"/{TOKEN[:8]}/", "/MIIEvQ/",
              "/END PRIVATE/", "/hunter2/"],
)  # fmt: skip
async def test_no_hit_shows_a_secret_and_its_digest_is_of_the_lines_as_they_are(
    kernel: Kernel, bank: Path, query: str
) -> None:
    found = await call(kernel, "search_code", query=query, mode="keyword")
    assert found["hits"]
    lines = (bank / "bank.py").read_bytes().splitlines(keepends=True)
    for hit in found["hits"]:
        for secret in (TOKEN, PASSWORD, "MIIEvQ"):
            assert secret not in hit["snippet"]
        assert hit["redacted"] == ("[redacted]" in hit["snippet"])
        own = b"".join(lines[hit["start_line"] - 1 : hit["end_line"]])
        assert hit["sha256"] == hashlib.sha256(own).hexdigest()
    assert any(hit["redacted"] for hit in found["hits"])


async def test_a_hit_that_is_not_found_again_shows_no_secret_either(
    kernel: Kernel, bank: Path
) -> None:
    (bank / "bank.py").write_text('"""Closed."""\n')
    found = await call(kernel, "search_code", query="ask_bank", mode="keyword")
    hit = next(hit for hit in found["hits"] if hit["symbol"] == "bank.ask_bank")
    assert hit["sha256"] is None and hit["redacted"] and PASSWORD not in hit["snippet"]


async def test_the_steps_of_a_code_path_show_no_secret(kernel: Kernel, bank: Path) -> None:
    path = await call(
        kernel, "explain_code_path", from_symbol="bank.ask_bank", to_symbol="bank.sign_with"
    )
    assert [step["code"]["redacted"] for step in path["steps"]] == [True, True, False]
    assert TOKEN not in str(path) and PASSWORD not in str(path)


async def test_what_people_wrote_into_commits_shows_no_secret(
    kernel: Kernel, tmp_path: Path
) -> None:
    root = make_repository(tmp_path / "notes", {"a.py": "x = 1\n"})
    (root / "docs/adr").mkdir(parents=True)
    (root / "docs/adr/0001-token.md").write_text(f"# Use {TOKEN} everywhere\n\nStatus: accepted\n")
    await call(kernel, "index_repository", path=str(root))
    found = await call(kernel, "query_graph", query="MATCH (d:adr) RETURN d.name, d.title")
    assert found["rows"] and TOKEN not in str(found) and "[redacted]" in str(found["rows"])


def test_every_line_stays_a_line_of_its_own() -> None:
    lines = ["authorization: bearer", TOKEN * 2, f'password = "{PASSWORD}"', "x = 1"]
    shown, is_redacted = redact_lines(lines)
    assert is_redacted and len(shown) == len(lines) and shown[3] == "x = 1"
    assert TOKEN not in str(shown) and PASSWORD not in str(shown)
    assert redact_lines(["a", "b"]) == (["a", "b"], False)


def test_a_key_is_known_by_any_of_its_lines_and_code_after_its_mark_is_no_key() -> None:
    content = CODE.encode()
    lines = CODE.split("\n")
    keys = key_lines(content)
    first = lines.index("-----BEGIN PRIVATE KEY-----") + 1
    assert set(keys) == set(range(first, first + len(KEY_LINES) + 2))
    assert set(without_keys(lines[first : first + 5], first + 1, keys)) == {"[redacted]"}
    checker = b'MARK = "-----BEGIN RSA PRIVATE KEY-----"\n\ndef has_key(text):\n    return 1\n'
    assert set(key_lines(checker)) == {1}


def test_a_line_that_almost_belongs_to_a_key_takes_no_time() -> None:
    began = time.thread_time()
    for near in (b"+", b"n", b"+n", b"A", b'"+'):
        content = b"-----BEGIN PRIVATE KEY-----\n" + near * 20_000 + b"!\n"
        assert set(key_lines(content)) == {1}
    assert time.thread_time() - began < 2
