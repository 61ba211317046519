"""Real clients against a real server, with a scripted model on loopback; run by `make clients`."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.clients.forwarder import forwarder
from tests.clients.programs import CLAUDE_CODE, CLAUDE_CODE_OLDER, CODEX, CODEX_2026, Program
from tests.clients.results import keep
from tests.clients.stage import open_stage
from tests.clients.story import Story

pytestmark = pytest.mark.clients

PROGRAMS = {
    "claude-code": CLAUDE_CODE,
    "claude-code-older": CLAUDE_CODE_OLDER,
    "codex": CODEX,
    "codex-2026": CODEX_2026,
}


@pytest.mark.parametrize("transport", ["http", "stdio"])
@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_a_client_is_governed_from_claim_to_submission(
    tmp_path: Path, database_url: str, program: Program, transport: str
) -> None:
    with ExitStack() as stack:
        stage = stack.enter_context(open_stage(tmp_path / "a stage", database_url))
        revisions: list[str] = []
        port = stack.enter_context(forwarder(stage.port, revisions))
        story = Story(stage, program, transport, f"http://127.0.0.1:{port}/mcp")
        outcome = story.play(database_url, revisions)
    keep(program.title, program.version, transport, outcome.revision, outcome.held)
    assert [step for step, held in outcome.held.items() if not held] == [], outcome.told[-6000:]
