"""The plugin by its settings: inert without them, and clear about what is missing."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from agentos import Completer, ConfigurationError, Settings
from agentos.testing import HttpDouble, caller_as
from agentos_fabric.plugin import check_setup
from agentos_fabric.settings import parse_completer_settings
from tests.agentos_fabric.chat import CHAT, KEY, completion, open_fabric
from tests.commands import run_command

URL = "https://models.example/v1"
GOOD = {"url": URL, "model": "tiny-1"}


def test_without_settings_there_is_no_completer_and_the_doctor_says_so() -> None:
    assert parse_completer_settings({}) is None
    (check,) = check_setup(Settings(plugins=()))
    assert check.ok and "no model is configured" in check.detail


@pytest.mark.anyio
async def test_a_configured_endpoint_answers_without_a_ledger(
    tmp_path: Path, database_url: str
) -> None:
    async with HttpDouble() as double:
        double.answer("POST", CHAT, json=completion("Yes."))
        async with open_fabric(tmp_path / "home", database_url, double) as kernel:
            worker = await caller_as(kernel, "worker")
            assert (await worker.ok("ask_model", prompt="P"))["text"] == "Yes."
            completer = kernel.service(Completer)  # type: ignore[type-abstract]
            assert completer.model_id == "tiny-1"


@pytest.mark.anyio
async def test_no_more_requests_run_at_once_than_the_settings_say(
    tmp_path: Path, database_url: str
) -> None:
    n_running = n_most = 0
    # The first one waits for the second, so that both are known to run at once.
    are_two = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal n_running, n_most
        await reader.readuntil(b"\r\n\r\n")
        n_running += 1
        n_most = max(n_most, n_running)
        if n_running == 2:
            are_two.set()
        async with asyncio.timeout(60):
            await are_two.wait()
        for _ in range(20):
            await asyncio.sleep(0)
        n_running -= 1
        writer.write(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    async with (
        HttpDouble() as double,
        open_fabric(tmp_path / "home", database_url, double, url=url, parallel=2) as kernel,
    ):
        completer = kernel.service(Completer)  # type: ignore[type-abstract]
        asked = [completer.complete("P", system="S", max_tokens=1) for _ in range(8)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
    server.close()
    assert len(answers) == 8 and n_most == 2


@pytest.mark.anyio
async def test_without_the_package_it_starts_and_says_what_to_install(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openai", None)
    async with HttpDouble() as double:
        with capture_logs() as logs:
            async with open_fabric(tmp_path / "home", database_url, double) as kernel:
                assert kernel.find_service(Completer) is None  # type: ignore[type-abstract]
    said = next(line for line in logs if line["event"] == "completer_not_available")
    assert said["remedy"] == "pip install 'agentos[models]'"
    (check,) = check_setup(Settings(plugins=(), fabric={"completer": GOOD}))
    assert not check.ok and check.remedy == "pip install 'agentos[models]'"


def test_the_doctor_names_model_endpoint_and_where_the_key_is_but_never_the_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AGENTOS_COMPLETER_API_KEY", KEY)
    (check,) = check_setup(Settings(plugins=(), fabric={"completer": GOOD}))
    assert (
        check.ok and check.detail == f"tiny-1 at {URL}, with the key in AGENTOS_COMPLETER_API_KEY"
    )


def test_the_doctor_command_shows_it(tmp_path: Path) -> None:
    config = tmp_path / "agentos.toml"
    config.write_text(
        f'home = "{tmp_path / "home"}"\ndatabase_url = "postgresql://127.0.0.1:1/none"\n'
        'plugins = ["fabric"]\n[fabric.completer]\nurl = "ftp://x"\nmodel = "tiny-1"\n'
    )
    outcome = run_command("--config", str(config), "doctor", environment=os.environ)
    assert "fabric.completer" in outcome.stdout and "https://HOST/v1" in outcome.stdout


def test_a_key_may_come_from_a_file_that_its_owner_alone_reads(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(f"{KEY}\n")
    file.chmod(0o600)
    settings = parse_completer_settings({"completer": {**GOOD, "api_key_file": str(file)}})
    assert settings is not None and settings.api_key() == KEY
    file.chmod(0o644)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        settings.api_key()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"url": "http://models.example/v1"}, "https beyond loopback"),
        ({"url": "https://user:secret-word@models.example/v1"}, "no credentials"),
        ({"url": "https://models.example/v1?key=secret-word"}, "no credentials"),
        ({"url": "models.example"}, "http"),
        ({"model": ""}, "fabric.completer.model"),
        ({"retries": 3}, "fabric.completer.retries"),
        ({"timeout_s": 0}, "fabric.completer.timeout_s"),
        ({"prices": {"input": "-1", "output": "2"}}, "fabric.completer.prices.input"),
    ],
)
def test_a_setting_that_does_not_fit_stops_the_start_and_shows_no_value(
    changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigurationError) as raised:
        parse_completer_settings({"completer": {**GOOD, **changes}})
    assert said in raised.value.message and "secret-word" not in raised.value.message


def test_importing_the_plugin_does_not_import_the_client() -> None:
    code = "import sys, agentos_fabric.plugin; assert 'openai' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
