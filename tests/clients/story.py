"""One conversation that shows everything, and what the server's log says of it.

A worker claims, is refused by its contract, asks and is approved, is stopped by the hooks where the
client's own tools go too far, edits with the client's own tool, records evidence, and submits.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.clients.events import Event, read_events
from tests.clients.programs import Program, prepare
from tests.clients.scripted_model import Arguments, Script, Use, scripted_model
from tests.clients.stage import Stage

CONTRACT = {
    "allowed_roots": ["docs/"],
    "allowed_tools": ["create_observation", "Read", "Edit", "Write", "Bash", "apply_patch"],
    "forbidden_actions": ["git push*"],
    "constraints": ["ASK create_observation"],
    "evidence_required": ["file"],
    "cost_budget_usd": "1",
    "review": {"required": True, "quorum": 1, "by": "either"},
}
NOTE = {"title": "Greeting", "body": "It is friendlier now.", "kind": "decision"}
WORKER = "claudia"
STRAY = "stray.txt"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one conversation came to."""

    revision: str
    held: dict[str, bool]
    told: str
    """What the client printed, for whoever looks why a step did not hold."""


class Story:
    """The conversation of one client over one transport."""

    def __init__(self, stage: Stage, program: Program, transport: str, url: str) -> None:
        self._stage = stage
        self._program = program
        self._where = ("--stdio",) if transport == "stdio" else ("--url", url)
        self._planner = stage.token("planner", "planner")
        self._reviewer = stage.token("reviewer", "reviewer")
        self._order = self._create_order()

    def play(self, database_url: str, revisions: Sequence[str]) -> Outcome:
        """Connect, talk, take everything out again."""
        script = Script(self._turns())
        with scripted_model(script) as model:
            environment = prepare(self._program, self._stage, model)
            before = self._configured()
            self._connect("--worker", WORKER)
            told = self._talk(environment)
            self._connect("--remove")
        if script.failure is not None:
            raise script.failure
        held = self._held(script, read_events(database_url))
        held["is taken out again"] &= self._configured() == before
        spoken = ", ".join(revisions) or self._noted()
        return Outcome(spoken, held, "\n".join([told, *script.results]))

    def _create_order(self) -> str:
        made = self._stage.call(
            self._planner,
            "create_work_order",
            {
                "title": "Greet",
                "objective": "Greet more warmly",
                "contract": CONTRACT,
                "repo": str(self._stage.repository),
            },
        )
        return str(made["id"])

    def _connect(self, *arguments: str) -> None:
        self._stage.run_agentos("connect", self._program.client, *self._where, *arguments)

    def _configured(self) -> Mapping[str, Any]:
        """What the client's files say of servers and hooks; clients write other things there."""
        state = self._stage.home / ".claude.json"
        said = json.loads(state.read_text()) if state.exists() else {}
        project = said.get("projects", {}).get(str(self._stage.repository), {})
        codex = self._stage.codex_home / "config.toml"
        return {
            "servers": {**said.get("mcpServers", {}), **project.get("mcpServers", {})},
            "hooks": (self._stage.repository / ".claude" / "settings.local.json").exists()
            or (self._stage.codex_home / "hooks.json").exists(),
            "codex": "[mcp_servers" in codex.read_text() if codex.exists() else False,
        }

    def _talk(self, environment: Mapping[str, str]) -> str:
        worktrees = self._stage.folder / "data" / "worktrees"
        worktrees.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            self._program.command("Do the next work order.", worktrees),
            cwd=self._stage.repository,
            env=dict(environment),
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=300,
        )
        return f"{done.returncode}\n{done.stdout}\n{done.stderr}"

    def _turns(self) -> list[Use]:
        own = {"work_order": self._order}
        return [
            self._use("claim_work_order", own),
            self._use("search_references", {"query": "greeting"}),
            self._use("create_observation", NOTE),
            Use(self._name("create_observation"), self._approve),
            self._create(STRAY),
            self._shell("git push origin main"),
            self._read("docs/greeting.md"),
            self._replace("docs/greeting.md", "Hello.", "A warm hello."),
            self._use(
                "record_evidence",
                {**own, "kind": "file", "claim": "It greets warmly", "path": "docs/greeting.md"},
            ),
            self._use("submit_work_order", {**own, "summary": "It greets more warmly"}),
        ]

    def _approve(self, results: Sequence[str]) -> Arguments:
        """What happens while the client waits: a reviewer looks at the whole call and decides."""
        pending = self._stage.call(self._reviewer, "list_reviews", {"state": "pending"})
        waiting = pending["approvals"]
        assert [(review["tool"], review["arguments"]) for review in waiting] == [
            ("create_observation", NOTE)
        ], results[-1]
        decision = {
            "review_id": waiting[0]["review_id"],
            "verdict": "approve",
            "reason": "A good note",
        }
        self._stage.call(self._reviewer, "decide_review", decision)
        return NOTE

    @property
    def _is_claude(self) -> bool:
        return self._program.client == "claude"

    def _name(self, tool: str) -> str:
        return f"mcp__agentos__{tool}" if self._is_claude else tool

    def _use(self, tool: str, arguments: Mapping[str, Any]) -> Use:
        return Use(self._name(tool), arguments)

    def _shell(self, command: str) -> Use:
        def claude(results: Sequence[str]) -> Arguments:
            return {"command": f"cd '{self._workspace}' && {command}", "description": "Run"}

        def codex(results: Sequence[str]) -> Arguments:
            return {"cmd": command, "workdir": str(self._workspace)}

        return Use("Bash", claude) if self._is_claude else Use("exec_command", codex)

    def _read(self, path: str) -> Use:
        """Claude Code edits only what it has read; Codex reads by commands."""
        if not self._is_claude:
            return self._shell(f"cat {path}")
        return Use("Read", lambda results: {"file_path": str(self._workspace / path)})

    def _create(self, path: str) -> Use:
        def claude(results: Sequence[str]) -> Arguments:
            return {"file_path": str(self._workspace / path), "content": "stray"}

        def codex(results: Sequence[str]) -> Arguments:
            return self._patch(f"*** Add File: {self._workspace / path}", "+stray")

        return Use("Write", claude) if self._is_claude else Use("apply_patch", codex)

    def _replace(self, path: str, old: str, new: str) -> Use:
        def claude(results: Sequence[str]) -> Arguments:
            file = str(self._workspace / path)
            return {"file_path": file, "old_string": old, "new_string": new}

        def codex(results: Sequence[str]) -> Arguments:
            return self._patch(
                f"*** Update File: {self._workspace / path}", "@@", f"-{old}", f"+{new}"
            )

        return Use("Edit", claude) if self._is_claude else Use("apply_patch", codex)

    @staticmethod
    def _patch(*lines: str) -> str:
        return "\n".join(["*** Begin Patch", *lines, "*** End Patch", ""])

    @cached_property
    def _workspace(self) -> Path:
        """The worktree that the claim made; there is none before it."""
        order = self._stage.call(self._planner, "get_work_order", {"work_order": self._order})
        return Path(order["workspace"]["path"])

    def _noted(self) -> str:
        """What was spoken over stdio: what the server said where it negotiates, else the client."""
        file = self._stage.revisions_file
        lines = [line.split() for line in file.read_text().splitlines()] if file.exists() else []
        by = {who: revision for who, revision in reversed(lines)}
        return by.get("server") or by.get("client") or "?"

    def _held(self, script: Script, events: Sequence[Event]) -> dict[str, bool]:
        """What the log says of each step; the client's words count for nothing here."""
        mine = [event for event in events if event.actor == WORKER]

        def found(type: str, **wanted: Any) -> list[Event]:
            return [e for e in mine if e.type == type and wanted.items() <= e.data.items()]

        refused = [e.data["error"]["rule"] for e in found("call.refused", tool="search_references")]
        denied = {e.data["rule"] for e in found("action.judged") if e.data["verdict"] == "deny"}
        approvals = [e.type for e in events if e.type.startswith("approval.")]
        submitted = found("work_order.submitted")
        # Every call of the client came with the connection's token, none as the local principal.
        foreign = [e for e in events if "claims" in e.data and e.actor != WORKER]
        used = [e.data["facts"] for e in found("evidence.recorded", kind="tool_use")]
        return {
            "lists the tools": any(n.endswith("submit_work_order") for n in script.offered),
            "claims": len(found("work_order.claimed")) == 1 and not foreign,
            "refused by its contract": refused == ["allowed_tools"],
            "asked and approved": approvals
            == ["approval.requested", "approval.approved", "approval.used"]
            and len(found("observation.recorded")) == 1,
            "own edit outside the roots refused": "allowed_roots" in denied
            and not (self._workspace / STRAY).exists(),
            "own forbidden command refused": "forbidden_actions[0]" in denied,
            "own edit seen": any(facts.get("files") for facts in used),
            "evidence": [e.data["level"] for e in found("evidence.recorded", kind="file")]
            == ["observed"],
            "submits": [e.data["diff"]["paths"] for e in submitted] == [["docs/greeting.md"]],
            "is taken out again": any(e.type == "token.revoked" for e in events),
        }
