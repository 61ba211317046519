"""A server process, a claimed work order, and hooks as clients start them."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentos import CallRequest, Credentials, Kernel, Role, Settings, open_kernel
from tests.agentos_governance.repositories import make_repository

HOOK = [sys.executable, "-c", "from agentos_hook.entry import main; raise SystemExit(main())"]
CONTRACT: Mapping[str, Any] = {
    "allowed_roots": ["src/"],
    "allowed_tools": ["Bash", "Edit", "Write", "Read", "apply_patch", "record_*", "submit_*"],
    "forbidden_actions": ["git push*"],
    "network": False,
    "evidence_required": ["test_report"],
    "cost_budget_usd": "1.00",
}


@dataclass
class Scene:
    """The kernel of the test itself, beside the server's, and the tokens of who works."""

    kernel: Kernel
    tokens: dict[str, str]
    repo: Path

    async def call(self, who: str, tool: str, **arguments: Any) -> dict[str, Any]:
        """What a call that must succeed answers."""
        request = CallRequest(tool, arguments, Credentials(bearer_token=self.tokens[who]), "test")
        result = await self.kernel.dispatch(request)
        assert not result.is_error, result.text
        return dict(result.structured)

    async def claim(self, who: str = "ada", **contract: Any) -> tuple[str, Path]:
        """A new work order that `who` holds, and its worktree."""
        made = await self.call(
            "planner",
            "create_work_order",
            title="Mend it",
            objective="Mend what is broken",
            repo=str(self.repo),
            contract={**CONTRACT, **contract},
        )
        claimed = await self.call(who, "claim_work_order", work_order=made["id"])
        return made["id"], Path(claimed["workspace"]["path"])

    def hook(
        self, event: Mapping[str, Any] | bytes, *, who: str = "ada", client: str = "claude-code"
    ) -> Answer:
        """One hook process, run to its end."""
        process = start_hook(self.kernel.settings.home, self.tokens.get(who, ""), client)
        text = event if isinstance(event, bytes) else json.dumps(event).encode()
        return finish(process, text)


@dataclass(frozen=True)
class Answer:
    """What a hook process left."""

    code: int
    stdout: str
    stderr: str

    @property
    def is_silent(self) -> bool:
        return (self.code, self.stdout, self.stderr) == (0, "", "")

    @property
    def specific(self) -> dict[str, Any]:
        """The `hookSpecificOutput`."""
        assert self.code == 0, self
        found: dict[str, Any] = json.loads(self.stdout)["hookSpecificOutput"]
        return found

    @property
    def denial(self) -> str:
        """Why the tool was denied."""
        assert self.specific["hookEventName"] == "PreToolUse", self
        assert self.specific["permissionDecision"] == "deny", self
        return str(self.specific["permissionDecisionReason"])


def start_hook(home: Path, token: str, client: str = "claude-code") -> subprocess.Popen[bytes]:
    """A hook that waits for its event."""
    environment = {**os.environ, "AGENTOS_HOME": str(home), "AGENTOS_TOKEN": token}
    environment.pop("AGENTOS_WORKER", None)
    return subprocess.Popen(
        [*HOOK, "hook", client],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def finish(process: subprocess.Popen[bytes], event: bytes) -> Answer:
    """Give a hook its event and wait."""
    stdout, stderr = process.communicate(event, timeout=60)
    return Answer(process.returncode, stdout.decode(), stderr.decode())


def use(tool: str, cwd: Path, moment: str = "PreToolUse", **given: Any) -> dict[str, Any]:
    """The event of a tool's use as both clients send it."""
    return {
        "session_id": "s-1",
        "transcript_path": None,
        "cwd": str(cwd),
        "hook_event_name": moment,
        "tool_name": tool,
        "tool_input": given,
        "tool_use_id": "t-1",
    }


@asynccontextmanager
async def scene(settings: Settings, folder: Path) -> AsyncIterator[Scene]:
    """The kernel and who works, without a server."""
    repo = make_repository(folder / "repo")
    async with open_kernel(settings.model_copy(update={"plugins": ("governance",)})) as kernel:
        tokens = {}
        roles = {"planner": Role.PLANNER, "ada": Role.WORKER, "bob": Role.WORKER}
        for name, role in roles.items():
            issued = await kernel.tokens.create(name, role, now=kernel.clock.now())
            tokens[name] = issued.secret
        yield Scene(kernel, tokens, repo)


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[Process]:
    """A server process on the same database and data folder."""
    environment = {
        **os.environ,
        "AGENTOS_HOME": str(settings.home),
        "AGENTOS_DATABASE_URL": str(settings.database_url),
        "AGENTOS_PLUGINS": "governance",
        "AGENTOS_PORT": "0",
        "AGENTOS_DATABASE_POOL_SIZE": "6",
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "agentos", "serve"),
        env=environment,
        cwd=settings.home,
        stderr=subprocess.PIPE,
    )
    try:
        assert process.stderr is not None
        async with asyncio.timeout(90):
            while b"AgentOS serves" not in (line := await process.stderr.readline()):
                assert line, "the server did not start"
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()
