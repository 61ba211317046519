"""Vetoes a write whose arguments hold a secret, before anything is stored or sent.

An authorizer and not a middleware: its no wins over everybody's yes, and one that fails refuses.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from pydantic import BaseModel

from agentos import Authorizer, Kernel, Service, Tool, ToolCall, Verdict, authorizer, hookimpl
from agentos_secrets.scanner import find_secrets

LONG_BYTES = 50_000
"""Longer arguments are searched in a thread, so that other calls go on."""
ASKED_FIRST = frozenset({"check_action", "judge_tool_use"})
"""Tools that are asked about what an agent is about to write with tools of its own."""


class SecretsSettings(BaseModel, extra="forbid"):
    """`[plugin_settings.secrets]`."""

    allow: frozenset[str] = frozenset()
    """Fingerprints of what was found and is none, as refusals name them."""


@authorizer
async def refuse_secrets(call: ToolCall) -> Verdict | None:
    """Deny where a secret is found that nobody allowed; otherwise leave it to others."""
    allowed = call.service(SecretsSettings).allow
    if len(call.arguments_json) > LONG_BYTES:
        every = await asyncio.to_thread(lambda: list(find_secrets(call.arguments)))
    else:
        every = list(find_secrets(call.arguments))
    found = next((each for each in every if each.fingerprint not in allowed), None)
    if found is None:
        return None
    return Verdict.deny(
        "no_secrets",
        f"the argument {found.argument} holds what looks like a secret ({found.kind})",
        remedy="write a reference to where the secret is kept; if it is none, have an operator add "
        f"{found.fingerprint} to `allow` in [plugin_settings.secrets]",
    )


@hookimpl
def wrap_tool_call(tool: Tool) -> Authorizer | None:
    return refuse_secrets if tool.writes or tool.name in ASKED_FIRST else None


@hookimpl
def register_services() -> Sequence[Service]:
    def read_settings(kernel: Kernel) -> SecretsSettings:
        return kernel.settings.of_plugin("secrets", SecretsSettings)

    return [Service(SecretsSettings, read_settings)]
