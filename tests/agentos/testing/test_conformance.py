"""`agentos plugins check`: each rule of plugins is found broken, and sound plugins pass (issue 5)."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agentos import ConfigurationError
from agentos.testing import Finding, check_plugin

_numbers = itertools.count(1)

Check = Callable[..., list[Finding]]

SOUND = '''
import asyncio
from typing import Annotated
from pydantic import BaseModel, Field
from agentos import Tool, ToolCall, hookimpl, tool

class Found(BaseModel):
    title: str

@tool(reads=["tickets"])
async def find_ticket(call: ToolCall, key: Annotated[str, Field(description="Its key")]) -> Found:
    """Find one ticket by its key."""
    def read() -> str:
        return open("/dev/null").read()
    return Found(title=await asyncio.to_thread(read))

@hookimpl
def register_tools() -> list[Tool]:
    return [find_ticket]
'''


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Check:
    monkeypatch.syspath_prepend(str(tmp_path))

    def run(source: str, **files: str) -> list[Finding]:
        name = f"plugin_to_check_{next(_numbers)}"
        package = tmp_path / name
        package.mkdir()
        (package / "__init__.py").write_text("")
        (package / "plugin.py").write_text(source.replace("PACKAGE", name))
        for path, text in files.items():
            file = package / path.replace("__", "/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.with_suffix(".sql" if "migrations" in path else ".py").write_text(text)
        return check_plugin(f"{name}.plugin")

    return run


def test_a_sound_plugin_has_no_findings(check: Check) -> None:
    assert check(SOUND) == []


@pytest.mark.parametrize(
    ("before", "after", "rule", "message"),
    [
        ("import asyncio", "import asyncio\nfrom agentos.kernel import open_kernel", "imports",
         "agentos.kernel.open_kernel is not part of the public API"),
        ("import asyncio", "import asyncio\nimport agentos", "imports", "agentos is not part"),
        ("import asyncio", "import asyncio\nimport agentos_governance.orders", "imports",
         "agentos_governance belongs to another plugin"),
        ("import asyncio", "import asyncio\nfrom mcp import types", "imports", "mcp is the server"),
        ("    def read() -> str:", "    import time; time.sleep(1)\n    def read() -> str:",
         "blocking", "time.sleep blocks the event loop in find_ticket"),
        ("await asyncio.to_thread(read)", "open(key).read()", "blocking", "open blocks"),
        ("await asyncio.to_thread(read)", "__import__('x') or key.p.read_text()", "blocking",
         "key.p.read_text blocks"),
        ("@hookimpl\n", "", "hooks", "has the name of a hook and is never called"),
        ("def register_tools() -> list[Tool]", "def register_tools()", "hooks",
         "has no return annotation"),
        ("def register_tools() -> list[Tool]", "async def register_tools() -> list[Tool]", "hooks",
         "is async; a hook is a plain function"),
        ("def register_tools() -> list[Tool]", "def register_tools(k: int) -> list[Tool]", "hooks",
         "takes k; the hook register_tools passes nothing"),
        ("def register_tools()", "def register_tool()", "hooks", "no plugin declares a hook"),
        ('Annotated[str, Field(description="Its key")]', "str", "tools",
         "the parameter 'key' has no description"),
        ("Find one ticket by its key.", "Find.", "tools", "the docstring has fewer than 4 words"),
        ("find_ticket", "ticket", "tools", "the name does not say what the tool does"),
        ("    title: str", "    pass", "tools", "the output schema has no named field"),
    ],
)  # fmt: skip
def test_a_broken_rule_is_found(
    check: Check, before: str, after: str, rule: str, message: str
) -> None:
    assert before in SOUND
    findings: list[Finding] = check(SOUND.replace(before, after))
    assert any(each.check == rule and message in each.message for each in findings), findings
    assert all(each.remedy for each in findings)


def test_types_of_a_plugin_whose_hook_is_implemented_may_be_imported(check: Check) -> None:
    source = """
from agentos import hookimpl
from agentos_memory.languages import Language

@hookimpl
def register_languages() -> list[Language]:
    return []
"""
    assert check(source) == []
    without = source.replace("register_languages", "register_routes")
    assert [each.check for each in check(without)] == ["imports"]


MIGRATING = """
from agentos import MigrationSet, hookimpl

@hookimpl
def register_migrations() -> list[MigrationSet]:
    return [MigrationSet("tickets", "PACKAGE")]
"""


def test_migrations_with_a_gap_or_a_wrong_name_are_found(check: Check) -> None:
    create = "create table tickets.ticket ();"
    good = {"migrations__0001_create_ticket": create}
    assert check(MIGRATING, **good) == []
    gap = {"migrations__0002_create_ticket": create}
    [finding] = check(MIGRATING, **gap)
    assert (finding.check, "not numbered" in finding.message) == ("migrations", True)
    [finding] = check(MIGRATING, migrations__first="")
    assert "NNNN_verb_object" in finding.message


def test_a_migration_that_was_edited_after_a_release_is_found(check: Check, tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        subprocess.run(["git", "-C", str(tmp_path), *identity, *arguments], check=True)

    first = {"migrations__0001_create_ticket": "create table tickets.ticket ();"}
    assert check(MIGRATING, **first) == []
    git("init", "--quiet")
    git("add", "--all")
    git("commit", "--quiet", "--message", "first")
    [file] = tmp_path.rglob("0001_create_ticket.sql")
    file.write_text("create table tickets.other ();")
    package = file.parent.parent.name
    assert check_plugin(f"{package}.plugin") == []  # not released
    git("tag", "v1.0.0")
    (file.parent / "0002_add_title.sql").write_text("select 1;")
    [finding] = check_plugin(f"{package}.plugin")
    assert finding.where == "tickets/0001_create_ticket.sql"
    assert finding.message == "was changed after it was released"


def test_a_plugin_that_does_not_import_is_said_in_one_line() -> None:
    with pytest.raises(
        ConfigurationError, match="'no_such_plugin' does not import: ModuleNotFound"
    ):
        check_plugin("no_such_plugin")


def test_the_shipped_plugins_keep_the_rules_that_others_do() -> None:
    """Parameters that explain themselves are left without a description, for the sake of tokens."""
    for name in ("governance", "memory"):
        findings = [each for each in check_plugin(name) if each.check not in ("tools", "blocking")]
        assert findings == []


def test_the_command_prints_findings_and_exits_with_four(tmp_path: Path) -> None:
    (tmp_path / "empty_plugin.py").write_text("x = 1\n")
    command = [sys.executable, "-m", "agentos", "plugins", "check", "empty_plugin"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 4
    assert done.stdout == (
        "empty_plugin: implements no hook (hooks); "
        "mark functions with @hookimpl in the module that the entry point names\n"
    )
