"""What is found, what is let through, and that refusals tell nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from agentos_secrets import plugin
from agentos_secrets.scanner import find_secrets
from pydantic import BaseModel

from agentos import Kernel, Tool, ToolCall, hookimpl, tool
from agentos.testing import Caller, assert_event, check_plugin, events_of

pytestmark = pytest.mark.anyio

# Put together here, so that scanners of repositories do not find them.
AWS = "AKIA" + "Q3EGRIZ7KD2WX5PN"
RANDOM = "kJ8s0Lq2" + "Zt5vX9wB4nM7cR1d"
SECRETS = {
    "private key": "-----BEGIN " + "RSA PRIVATE KEY-----\nMIIE",
    "aws key": f"aws configure set key {AWS}",
    "github token": "ghp_" + "a1B2c3D4e5" * 4,
    "slack token": "xoxb-" + "123456789012-abcdefghij",
    "stripe key": "sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc",
    "assigned": f'api_key = "{RANDOM}"',
}
HARMLESS = [
    "the password is in the vault",
    "password: ${DATABASE_PASSWORD}",
    'token = "your-token-goes-here-please"',
    "api_key=xxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "secret = changeme-changeme-changeme-1",
    "AKIA" + "EXAMPLE0EXAMPLE0",
    "-----BEGIN CERTIFICATE-----",
    "commit 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b",
    "token: some_long_function_name_without_digits",
]


class Kept(BaseModel):
    """Nothing more."""

    ok: bool


@tool(writes=["notes"])
async def keep_note(call: ToolCall, text: str, labels: dict[str, str] | None = None) -> Kept:
    """Keep a note for later."""
    return Kept(ok=True)


@tool(reads=["notes"])
async def find_note(call: ToolCall, text: str) -> Kept:
    """Find notes that hold a text."""
    return Kept(ok=True)


class Notes:
    """Another plugin, whose tools write and read."""

    @hookimpl
    def register_tools(self) -> Sequence[Tool]:
        return [keep_note, find_note]


@pytest.fixture
def plugins(plugins: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**plugins, "notes": Notes()}


async def test_a_write_with_a_secret_is_refused_and_the_refusal_tells_none_of_it(
    kernel: Kernel, caller: Caller
) -> None:
    for kind, secret in SECRETS.items():
        error = await caller.refused("keep_note", text=f"before\n{secret}\nafter")
        assert error["rule"] == "no_secrets" and f"({kind})" in error["message"]
        assert secret not in json.dumps(error)
        event = await assert_event(kernel, "call.refused", {"tool": "keep_note"})
        [found] = find_secrets({"text": secret})
        assert found.fingerprint in event.data["error"]["remedy"]


async def test_harmless_text_is_written(caller: Caller) -> None:
    for text in HARMLESS:
        await caller.ok("keep_note", text=text)


async def test_a_secret_is_found_at_any_depth_and_by_the_name_of_its_field(caller: Caller) -> None:
    error = await caller.refused("keep_note", text="see labels", labels={"password": RANDOM})
    assert "labels.password" in error["message"]


async def test_long_arguments_are_searched_to_their_end(caller: Caller) -> None:
    await caller.refused("keep_note", text="word " * 200_000 + SECRETS["aws key"])


async def test_reading_is_not_looked_at(caller: Caller) -> None:
    await caller.ok("find_note", text=SECRETS["aws key"])


@pytest.fixture
def agentos_settings(request: pytest.FixtureRequest) -> Mapping[str, Any]:
    allow = getattr(request, "param", [])
    return {"plugin_settings": {"secrets": {"allow": allow}}}


ALLOWED = [found.fingerprint for found in find_secrets({"text": AWS})]


@pytest.mark.parametrize("agentos_settings", [ALLOWED], indirect=True)
async def test_what_an_operator_allowed_is_written_and_other_secrets_are_not(
    kernel: Kernel, caller: Caller
) -> None:
    await caller.ok("keep_note", text=AWS)
    await caller.refused("keep_note", text=f"{AWS} {SECRETS['github token']}")
    assert len(await events_of(kernel, "call.refused")) == 1


def test_the_plugin_keeps_the_rules_of_plugins() -> None:
    assert check_plugin(plugin) == []
