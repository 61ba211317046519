"""No tabled action gets past the gate (docs/security.md)."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentos import Settings
from tests.security.actions import CONTRACT, action_attempts
from tests.security.scene import open_scene

pytestmark = pytest.mark.anyio

ORDINARY = (
    {"tool": "Edit", "paths": ["src/app.py"]},
    {"tool": "Write", "paths": ["src/new/deep/file.py"]},
    {"tool": "Read", "paths": ["README.md"]},
    {"tool": "Bash", "command": "git status && git diff | head -5"},
    {"tool": "Bash", "command": "python -m pytest -q src > src/out.txt 2>&1"},
    {"tool": "Bash", "command": "grep -rn push src; echo 'git push is forbidden'"},
)


async def test_no_action_attempt_is_allowed(settings: Settings, tmp_path: Path) -> None:
    through = []
    async with open_scene(settings, tmp_path, CONTRACT) as scene:
        for attempt in action_attempts():
            result = await scene.office.dispatch(
                "w1", "check_action", {"work_order": scene.order, "action": attempt.action}
            )
            if not result.is_error and result.structured["verdict"] != "deny":
                through.append((attempt.kind, dict(attempt.action), result.structured["rule"]))
    assert not through, "\n".join(map(str, through))


async def test_ordinary_work_is_not_refused_beside_them(settings: Settings, tmp_path: Path) -> None:
    async with open_scene(settings, tmp_path, CONTRACT) as scene:
        for action in ORDINARY:
            judged = await scene.office.call(
                "w1", "check_action", work_order=scene.order, action=action
            )
            assert judged["verdict"] == "allow", (action, judged)
