"""The same over real MCP: a model reads which rule refused, and what to do (issue 3)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from mcp import Client

from agentos import Settings
from agentos.testing import serve_http
from tests.agentos_governance.policies.offices import held, open_governed
from tests.agentos_governance.repositories import make_repository

pytestmark = pytest.mark.anyio

POLICY = """
look-first: DENY write IF NOT happened(show_file) SINCE claim
http-only: DENY read_note IF edge != "mcp"
few: LIMIT calls(write_note) TO 3 PER claim
"""


async def test_policies_bind_mcp_clients_and_limits_hold_for_many_at_once(
    settings: Settings, tmp_path: Path
) -> None:
    repo = make_repository(tmp_path / "repo")
    async with open_governed(settings, POLICY, worker="w1") as office:
        await held(office, repo=repo)
        async with (
            serve_http(office.kernel) as url,
            Client(f"{url}/mcp") as first,
            Client(f"{url}/mcp") as second,
        ):
            refused = await first.call_tool("edit_file", {"path": "src/app.py"})
            assert refused.is_error and refused.structured_content is not None
            error = refused.structured_content["error"]
            assert error["rule"] == "organisation:look-first (line 2)"
            assert error["remedy"]
            await first.call_tool("show_file", {})
            assert not (await second.call_tool("edit_file", {"path": "src/app.py"})).is_error
            results = await asyncio.gather(
                *(
                    client.call_tool("write_note", {"text": "x"})
                    for client in (first, second)
                    for _ in range(6)
                )
            )
            assert sum(not result.is_error for result in results) == 3
            asked = await first.call_tool(
                "check_action", {"action": {"tool": "Edit", "paths": ["src/app.py"]}}
            )
            assert asked.structured_content is not None
            assert asked.structured_content["verdict"] == "allow"
        events = await office.events(type="call.allowed")
        assert {event["data"]["edge"] for event in events if event["actor"] == "w1"} >= {"mcp"}
