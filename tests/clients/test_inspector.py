"""MCP Inspector's command line lists the tools and calls one."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.clients.events import read_events
from tests.clients.forwarder import forwarder
from tests.clients.programs import INSPECTOR, with_node
from tests.clients.results import keep
from tests.clients.stage import Stage, open_stage

pytestmark = pytest.mark.clients


def _inspect(stage: Stage, *arguments: str) -> Any:
    done = subprocess.run(
        [str(INSPECTOR.binary("mcp-inspector")), "--cli", *arguments],
        cwd=stage.repository,
        env=with_node(stage.environment),
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("transport", ["http", "stdio"])
def test_the_inspector_lists_and_calls(tmp_path: Path, database_url: str, transport: str) -> None:
    revisions: list[str] = []
    with (
        open_stage(tmp_path / "stage", database_url) as stage,
        forwarder(stage.port, revisions) as port,
    ):
        token = stage.token("inspector", "worker")
        server: tuple[str, ...]
        if transport == "http":
            header = f"Authorization: Bearer {token}"
            server = (f"http://127.0.0.1:{port}/mcp", "--transport", "http", "--header", header)
        else:
            # The Inspector hands a server nothing of its own environment but what is named.
            named = {"AGENTOS_TOKEN": token} | {
                name: text for name, text in stage.environment.items() if "AGENTOS" in name
            }
            given = [word for name, text in named.items() for word in ("-e", f"{name}={text}")]
            server = (str(stage.python.with_name("agentos")), "mcp", *given)
        listed = _inspect(stage, *server, "--method", "tools/list")
        call = ("--method", "tools/call", "--tool-name", "search_references")
        called = _inspect(stage, *server, *call, "--tool-arg", "query=greeting")
        file = stage.revisions_file
        noted = [line.split()[1] for line in file.read_text().splitlines()] if file.exists() else []

    calls = [
        event
        for event in read_events(database_url)
        if event.type == "call.finished" and event.actor == "inspector"
    ]
    held = {
        "lists the tools": "submit_work_order" in {tool["name"] for tool in listed["tools"]},
        "calls": [e.data["outcome"] for e in calls] == ["ok"] and not called.get("isError"),
    }
    revision = ", ".join(revisions) or ", ".join(dict.fromkeys(noted))
    keep(INSPECTOR.title, INSPECTOR.version, transport, revision, held)
    assert all(held.values()), (held, listed, called)
