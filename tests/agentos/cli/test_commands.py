"""Exit codes, help, plugins' commands, tokens, doctor (INTERFACE section 1)."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentos import __version__
from tests.agentos.cli.conftest import RunAgentos


def test_the_version_is_printed(agentos: RunAgentos) -> None:
    assert agentos("--version").out == f"agentos {__version__}\n"


def test_help_lists_the_commands_of_plugins(agentos: RunAgentos) -> None:
    answer = agentos("--help")

    assert answer.code == 0
    assert "desk" in answer.out
    assert "Things of the desk." in answer.out


def test_help_comes_although_a_plugin_is_missing_and_says_so(agentos: RunAgentos) -> None:
    answer = agentos("--help", AGENTOS_PLUGINS="nowhere")

    assert answer.code == 0
    assert "audit" in answer.out
    assert "'nowhere'" in answer.err


def test_a_command_of_a_plugin_runs(agentos: RunAgentos) -> None:
    assert agentos("desk", "tidy").out == "tidy\n"


def test_a_verification_that_fails_is_one_line_and_exits_with_4(agentos: RunAgentos) -> None:
    answer = agentos("desk", "check")

    assert answer.code == 4
    assert answer.err == "agentos: the desk is untidy\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nonsense"], "No such command"),
        (["call"], "Missing argument"),
        (["token"], "Missing command"),
        (["token", "create", "--worker", "x", "--role", "king"], "king"),
        (["--config", "absent.toml", "db", "url"], "absent.toml does not exist"),
    ],
)
def test_bad_usage_and_configuration_are_one_line_and_exit_with_2(
    agentos: RunAgentos, arguments: list[str], said: str
) -> None:
    answer = agentos(*arguments)

    assert (answer.code, answer.out) == (2, "")
    assert said in answer.err
    assert len(answer.err.splitlines()) == 1


def test_an_unreachable_database_is_one_line(agentos: RunAgentos) -> None:
    answer = agentos("token", "list", AGENTOS_DATABASE_URL="postgresql://127.0.0.1:1/none")

    assert (answer.code, len(answer.err.splitlines())) == (2, 1)


def test_settings_come_from_the_file_that_config_names(agentos: RunAgentos, tmp_path: Path) -> None:
    file = tmp_path / "other.toml"
    file.write_text('worker = "carol"\n')

    answer = agentos("--config", str(file), "call", "say", "text=x", "--json", AGENTOS_WORKER="")

    assert answer.json()["said"]["as"] == "carol/admin"


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_a_taken_port_is_one_line(agentos: RunAgentos, taken_port: int) -> None:
    answer = agentos("serve", "--port", str(taken_port))

    assert (answer.code, len(answer.err.splitlines())) == (2, 1)
    assert f"port {taken_port} on 127.0.0.1 is already in use" in answer.err


def test_ctrl_c_ends_the_server_without_a_traceback(
    environment: dict[str, str], database_url: str, tmp_path: Path
) -> None:
    server = subprocess.Popen(
        [sys.executable, "-m", "agentos.cli", "serve", "--port", "0"],
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env={**environment, "AGENTOS_DATABASE_URL": database_url},
    )
    assert server.stderr is not None
    while "serves MCP" not in server.stderr.readline():
        assert server.poll() is None
    server.send_signal(signal.SIGINT)
    _, rest = server.communicate(timeout=60)

    assert server.returncode in (0, 130)
    assert "Traceback" not in rest


def test_a_token_is_shown_once_listed_without_its_secret_and_revoked(agentos: RunAgentos) -> None:
    created = agentos(
        "token", "create", "--worker", "bob", "--role", "worker", "--ttl-s", "60", "--json"
    ).json()
    listed = agentos("token", "list", "--json")
    revoked = agentos("token", "revoke", created["id"])
    refused = agentos("call", "say", "text=x", "--token", created["token"])

    assert created["token"].startswith("aos_")
    assert created["expires_at"].endswith("Z")
    assert [token["id"] for token in listed.json()["tokens"]] == [created["id"]]
    assert created["token"] not in listed.out
    assert revoked.code == 0
    assert refused.code == 1
    assert "revoked" in refused.err
    assert agentos("token", "revoke", "TK-NONE").code == 1


def test_installed_and_enabled_plugins_are_told_apart(agentos: RunAgentos) -> None:
    rows = {row["name"]: row for row in agentos("plugins", "list", "--json").json()["plugins"]}

    assert (rows["desk"]["enabled"], rows["desk"]["version"]) == (True, "1.5")
    assert rows["memory"]["enabled"] is False


def test_the_doctor_finds_a_sound_machine_and_names_the_remedy_on_another(
    agentos: RunAgentos, taken_port: int
) -> None:
    sound = agentos("doctor", "--port", "0", "--json")
    sick = agentos("doctor", "--port", str(taken_port), AGENTOS_PLUGINS="nowhere")

    assert (sound.code, sound.json()["ok"]) == (0, True)
    assert sick.code == 1
    failed = [line for line in sick.out.splitlines() if line.startswith("FAIL")]
    assert [line.split(":")[0].split()[1] for line in failed] == ["plugins", "port"]


def test_the_benchmark_of_policy_reports_its_parts(agentos: RunAgentos) -> None:
    answer = agentos(
        "bench", "policy", "--calls", "100", "--check", "--json", AGENTOS_PLUGINS="governance"
    )

    report = answer.json()
    for column, name in (("us", "us"), ("us_with_policy", "with_policy_us")):
        whole = [(step[column] or 0, step["is_governing"]) for step in report["steps"]]
        governing = sum(us for us, is_governing in whole if is_governing)
        assert report[f"total_{name}"] == pytest.approx(governing)
        assert report[f"whole_{name}"] == pytest.approx(sum(us for us, _ in whole))
    only_with_policy = [s["name"] for s in report["steps"] if s["us"] is None]
    assert only_with_policy == ["ask a policy of 20 rules"]
    assert answer.code == (0 if report["ok"] else 1)
