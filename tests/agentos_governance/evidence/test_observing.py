"""What a hook signs on the command line is what the server believes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agentos import AgentOSError, CallRefusedError, ConfigurationError, Settings
from agentos_governance.evidence.command_line import evidence
from agentos_governance.evidence.keys import load_observers, observer_folder
from agentos_governance.evidence.observations import verify_observation

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def _run(*arguments: str | Path) -> str:
    result = CliRunner().invoke(evidence, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_an_observation_from_the_command_line_is_believed_once_its_key_is_there(
    tmp_path: Path,
) -> None:
    settings = Settings(home=tmp_path / "home")
    key, report = tmp_path / "hook.key", tmp_path / "report.xml"
    report.write_bytes(b"<testsuite/>")
    public = _run("observer-key", key)
    assert public == _run("observer-key", key)
    assert key.stat().st_mode & 0o077 == 0
    text = _run("observe", report, "--key", key, "--work-order", "WO-1", "--kind", "test_report")
    observer_folder(settings).mkdir(parents=True)
    (observer_folder(settings) / "laptop.pub").write_text(public, "utf-8")
    now = datetime.now(UTC) + timedelta(seconds=5)

    def verify(content: bytes) -> str:
        return verify_observation(
            text.strip(),
            load_observers(settings),
            work_order="WO-1",
            kind="test_report",
            content=content,
            not_before=LONG_AGO,
            now=now,
        ).observer

    assert verify(b"<testsuite/>") == "laptop"
    with pytest.raises(CallRefusedError):
        verify(b"<testsuite />")


def test_a_key_or_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    key = tmp_path / "hook.key"
    options = ["--key", str(key), "--work-order", "WO-1", "--kind", "log"]
    for prepare, said in ((lambda: None, "no key"), (lambda: _run("observer-key", key), "read")):
        prepare()
        result = CliRunner().invoke(evidence, ["observe", str(tmp_path / "none"), *options])
        assert isinstance(result.exception, AgentOSError) and said in result.exception.message


def test_an_observers_file_without_a_key_is_a_mistake_that_is_said(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    assert load_observers(settings) == {}
    observer_folder(settings).mkdir(parents=True)
    for content in ("", "no key", "a" * 63):
        (observer_folder(settings) / "x.pub").write_text(content, "utf-8")
        with pytest.raises(ConfigurationError, match=r"x\.pub"):
            load_observers(settings)
