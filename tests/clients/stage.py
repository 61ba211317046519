"""A throwaway installation: a server on its own database, a home, a repository, people with tokens.

Clients see nothing of this machine but what is made here; they run as a user's would, in an
environment without the names of any account.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentos.http.listener import bind

MODERN = "2026-07-28"
LAUNCHER = Path(__file__).parent / "launcher.py"
KEPT = ("PATH", "LANG", "LC_ALL", "TMPDIR", "USER", "LOGNAME")


@dataclass(slots=True)
class Stage:
    """What a client is let loose on."""

    folder: Path
    environment: dict[str, str]
    port: int

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def codex_home(self) -> Path:
        return self.folder / "codex"

    @property
    def repository(self) -> Path:
        return self.folder / "repository"

    @property
    def python(self) -> Path:
        """Beside it lies the `agentos` that `agentos connect` writes into the clients' files."""
        return self.folder / "bin" / "python"

    @property
    def revisions_file(self) -> Path:
        return self.folder / "revisions"

    def run_agentos(self, *arguments: str) -> str:
        """What a command prints; it must succeed."""
        done = subprocess.run(
            [str(self.python), "-m", "agentos", *arguments],
            cwd=self.repository,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=120,
        )
        assert done.returncode == 0, f"agentos {arguments}: {done.stdout} {done.stderr}"
        return done.stdout

    def token(self, worker: str, role: str) -> str:
        """A token for somebody."""
        return self.run_agentos("token", "create", "--worker", worker, "--role", role).strip()

    def call(self, token: str, tool: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """What a tool answers over HTTP; it must not refuse."""
        envelope = {
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientCapabilities": {},
        }
        params = {"name": tool, "arguments": arguments, "_meta": envelope}
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/mcp",
            json.dumps(body).encode(),
            {
                "content-type": "application/json",
                "accept": "application/json, text/event-stream",
                "authorization": f"Bearer {token}",
                "mcp-protocol-version": MODERN,
                "mcp-method": "tools/call",
                "mcp-name": tool,
            },
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            result = json.loads(answer.read())["result"]
        assert not result.get("isError"), f"{tool}: {result}"
        structured: dict[str, Any] = result["structuredContent"]
        return structured


@contextmanager
def open_stage(folder: Path, database_url: str) -> Iterator[Stage]:
    """A stage whose server answers."""
    with bind("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
    stage = Stage(folder, _environment(folder, database_url, port), port)
    _prepare(stage)
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [str(stage.python), "-m", "agentos", "serve"],
            env=stage.environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stderr=log,
        )
        try:
            _wait_until_ready(stage, server)
            yield stage
        finally:
            server.terminate()
            server.wait(60)


def _environment(folder: Path, database_url: str, port: int) -> dict[str, str]:
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    return kept | {
        "HOME": str(folder / "home"),
        "CODEX_HOME": str(folder / "codex"),
        "AGENTOS_HOME": str(folder / "data"),
        "AGENTOS_DATABASE_URL": database_url,
        "AGENTOS_PORT": str(port),
        "AGENTOS_WORKER": "ada",
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }


def _prepare(stage: Stage) -> None:
    for path in (stage.home, stage.codex_home, stage.repository / "docs", stage.python.parent):
        path.mkdir(parents=True)
    stage.python.symlink_to(sys.executable)
    launcher = stage.python.with_name("agentos")
    notes = stage.revisions_file
    launcher.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{LAUNCHER}" "{notes}" "$@"\n')
    launcher.chmod(0o755)
    (stage.repository / "docs" / "greeting.md").write_text("Hello.\n")
    for arguments in (
        ("init", "--quiet"),
        ("add", "."),
        ("-c", "user.name=ada", "-c", "user.email=ada@example.org", "commit", "-qm", "Begin"),
    ):
        subprocess.run(["git", *arguments], cwd=stage.repository, env=stage.environment, check=True)


def _wait_until_ready(stage: Stage, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert server.poll() is None, (stage.folder / "server.log").read_text()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{stage.port}/readyz", timeout=5):
                return
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(0.2)
    raise TimeoutError("the server did not become ready")
