"""Whole tables in and out of TOML texts, every other byte as it was."""

from __future__ import annotations

import tomllib

import pytest

from agentos.connect.toml_document import TomlDocument
from agentos.errors import ConfigurationError

KEYS = ("mcp_servers", "agentos")
NAME = "config.toml"
TEXT = '''# My Codex
model = "o"  # the good one

[mcp_servers.db]
command = "x"
note = """
[mcp_servers.agentos]
is only text
"""

# Trusted
[projects."/a b"]
trust_level = "trusted"
'''


def test_a_table_goes_in_at_the_end_and_comes_out_again() -> None:
    document = TomlDocument(TEXT, NAME)
    document.set(KEYS, {"url": "u", "env": {"A": 'q"\\'}, "args": ["a", "b"]})

    assert document.text.startswith(TEXT)
    assert tomllib.loads(document.text)["mcp_servers"]["agentos"] == {
        "url": "u",
        "env": {"A": 'q"\\'},
        "args": ["a", "b"],
    }
    document.remove(KEYS)
    assert document.text == TEXT


def test_a_table_in_the_middle_is_replaced_with_its_own_tables() -> None:
    text = (
        '[mcp_servers."agentos"]\nurl = "old"\n\n[mcp_servers.agentos.env]\nA = "1"\n\n'
        "# of the next\n[mcp_servers.agentos-two]\nurl = 't'\n"
    )
    document = TomlDocument(text, NAME)
    previous = document.source(KEYS)
    document.set(KEYS, {"url": "new"})

    assert tomllib.loads(document.text)["mcp_servers"] == {
        "agentos": {"url": "new"},
        "agentos-two": {"url": "t"},
    }
    assert "# of the next\n[mcp_servers.agentos-two]" in document.text
    assert previous is not None
    document.set_source(KEYS, previous)
    assert tomllib.loads(document.text) == tomllib.loads(text)


def test_crlf_and_a_missing_last_line_end_are_kept_and_mended() -> None:
    document = TomlDocument('a = 1\r\n[b]\r\nc = "d"', NAME)
    document.set(KEYS, {"url": "u"})
    assert "\n" not in document.text.replace("\r\n", "")


@pytest.mark.parametrize(
    "text",
    [
        'mcp_servers = { db = { command = "x" } }\n',
        'mcp_servers.agentos.url = "old"\n',
        '[mcp_servers]\nagentos = { url = "old" }\n',
    ],
)
def test_another_form_of_the_same_table_is_refused_not_broken(text: str) -> None:
    with pytest.raises(ConfigurationError, match="table"):
        TomlDocument(text, NAME).set(KEYS, {"url": "u"})


def test_what_is_no_toml_is_refused_with_its_place() -> None:
    with pytest.raises(ConfigurationError, match="line 1"):
        TomlDocument("a = = 1\n", NAME)
