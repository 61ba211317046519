"""Runs `agentos`, with a third-party plugin that was installed into a folder.

In this process, because starting one takes a second; what needs a process of its own makes one.
"""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agentos import Settings
from agentos.cli import main
from tests.commands import run_command
from tests.loggers import logging_restored

PLUGIN = '''
from typing import Any

import typer
from pydantic import BaseModel
from agentos import (
    Authorizer, BudgetExceededError, Command, Verdict, VerificationError, hookimpl, tool,
)


class Echo(BaseModel):
    said: dict[str, Any]


class Report(BaseModel):
    work_order: str
    title: str
    state: str
    who: dict[str, Any]
    cost: dict[str, Any]


@tool()
async def say(call, text: str, times: int = 1, tags: list[str] = [], price: str | None = None,
              note: str | int | None = None) -> Echo:
    """Say something."""
    await call.progress(1, 2, "thinking")
    return Echo(said={"text": text, "times": times, "tags": tags, "price": price, "note": note,
                      "as": f"{call.principal.name}/{call.principal.role}",
                      "work_order": call.work_order})


@tool()
async def forbidden(call) -> Echo:
    """Never allowed."""
    return Echo(said={})


@tool()
async def overspend(call) -> Echo:
    """Always too expensive."""
    raise BudgetExceededError("costs too much", rule="cost_budget_usd")


@tool()
async def get_work_report(call, work_order: str) -> Report:
    """A report."""
    return Report(
        work_order=work_order, title="<script>alert(1)</script>", state="completed",
        who={"summary": "[bold]ada[/bold] did it \\x1b[31m", "facts": {"claims": [
            {"worker": "ada", "epoch": 1}, {"worker": "bob", "epoch": 2}]}},
        cost={"summary": "0.10 USD", "facts": {"usd": "0.10", "rows": []}},
    )


@hookimpl
def register_tools():
    return [say, forbidden, overspend, get_work_report]


@hookimpl
def wrap_tool_call(tool):
    async def decide(call):
        if tool.name == "forbidden":
            return Verdict.deny("house_rule", "nobody may", remedy="ask for another tool")
        return Verdict.allow("house_rule")

    return Authorizer(decide)


app = typer.Typer(help="Things of the desk.")


@app.command()
def tidy() -> None:
    """Tidy the desk."""
    print("tidy")


@app.command()
def check() -> None:
    """Find it untidy."""
    raise VerificationError("the desk is\\nuntidy")


@hookimpl
def register_commands():
    return [Command("desk", app)]
'''


@dataclass(frozen=True, slots=True)
class Answer:
    """What a finished command left."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


RunAgentos = Callable[..., Answer]


@pytest.fixture
def database_url(settings: Settings) -> str:
    """The URL of a database of its own, as an earlier command leaves it."""
    assert settings.database_url is not None
    return settings.database_url


@pytest.fixture
def installed_plugin(tmp_path: Path) -> Path:
    """A folder on the module path that holds the distribution `agentos-desk`."""
    folder = tmp_path / "site"
    metadata = folder / "agentos_desk-1.5.dist-info"
    metadata.mkdir(parents=True)
    (folder / "agentos_desk.py").write_text(PLUGIN)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: agentos-desk\nVersion: 1.5\n")
    (metadata / "entry_points.txt").write_text("[agentos.plugins]\ndesk = agentos_desk\n")
    return folder


@pytest.fixture
def environment(installed_plugin: Path, tmp_path: Path) -> dict[str, str]:
    """An environment without a database: that of the user, minus their settings."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("AGENTOS_")}
    return kept | {
        "AGENTOS_HOME": str(tmp_path / "home"),
        "AGENTOS_PLUGINS": "desk",
        "AGENTOS_WORKER": "ada",
        "PYTHONPATH": os.pathsep.join([str(installed_plugin), *sys.path]),
        "COLUMNS": "100",
    }


@pytest.fixture
def agentos(
    environment: dict[str, str],
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[RunAgentos]:
    """Runs a command to its end in this process, on an empty database of its own."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("AGENTOS_")]:
        monkeypatch.delenv(name)
    for folder in reversed(environment["PYTHONPATH"].split(os.pathsep)):
        if folder not in sys.path:
            monkeypatch.syspath_prepend(folder)

    def run(*arguments: str, stdin: str = "", **variables: str) -> Answer:
        capsys.readouterr()
        with pytest.MonkeyPatch.context() as patch:
            for name, text in {
                **environment,
                "AGENTOS_DATABASE_URL": database_url,
                **variables,
            }.items():
                patch.setenv(name, text)
            patch.setattr(sys, "stdin", io.StringIO(stdin))
            code = main(arguments)
        written = capsys.readouterr()
        return Answer(code, written.out, written.err)

    with logging_restored():
        yield run


@pytest.fixture
def agentos_process(environment: dict[str, str], tmp_path: Path) -> RunAgentos:
    """Runs a command as a process of its own; without a database unless a variable names one."""

    def run(*arguments: str, **variables: str) -> Answer:
        given = {**environment, **variables}
        done = run_command(*arguments, environment=given, folder=tmp_path)
        return Answer(done.returncode, done.stdout, done.stderr)

    return run
