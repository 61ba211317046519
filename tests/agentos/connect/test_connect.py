"""`agentos connect`: round trips, sameness, removal, and what it refuses to touch."""

from __future__ import annotations

import asyncio
import json
import resource
import shlex
import stat
import subprocess
import tomllib
from pathlib import Path

import pytest

from agentos import ConfigurationError, Role
from agentos.connect.clients import LAYOUTS
from agentos.connect.connecting import HeldToken, Holder, connect
from agentos.connect.json_syntax import parse
from agentos.connect.planning import plan_connection
from agentos.connect.request import Client, Request, Scope, Transport
from tests.agentos.connect.conftest import Desk

CLIENTS = ["claude", "codex", "cursor", "vscode"]
SCOPES = {
    "claude": ["local", "user", "project"],
    "codex": ["user", "project"],
    "cursor": ["user", "project"],
    "vscode": ["user", "project"],
}


@pytest.mark.parametrize("client", CLIENTS)
def test_no_file_of_a_client_holds_the_token_and_removal_leaves_nothing_behind(
    desk: Desk, client: str
) -> None:
    for scope in SCOPES[client]:
        for transport in ((), ("--stdio",)):
            way = (client, "--scope", scope, *transport)
            answer = desk.connect(*way)
            assert answer.code == 0, answer.err
            [secret] = desk.secrets()
            assert secret.startswith("aos_") and desk.files()
            assert all(secret not in text for text in desk.files().values())
            assert secret not in answer.out + answer.err

            removed = desk.connect(*way, "--remove", "--json").json()
            assert removed["status"] == "removed"
            assert (desk.files(), desk.folders(), desk.secrets()) == ({}, set(), [])
    assert all(token["revoked_at"] is not None for token in desk.tokens())
    assert desk.connect(client, "--remove", "--json").json()["status"] == "not_connected"


def test_only_the_owner_reads_what_is_kept(desk: Desk) -> None:
    desk.connect("claude")

    kept = [path for path in (desk.data / "connections").rglob("*") if path.is_file()]
    assert {path.name for path in kept} == {"token", "headers.json", "connection.json"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept} == {0o600}


def test_the_second_run_finds_everything_as_it_should_be(desk: Desk) -> None:
    for client in CLIENTS:
        assert desk.connect(client, "--json").json()["status"] == "connected"
        before = desk.files()
        again = desk.connect(client, "--json").json()
        assert (again["status"], again["files"]) == ("already_connected", [])
        assert desk.files() == before
    assert len(desk.tokens()) == len(CLIENTS)


def test_printing_writes_nothing_and_makes_no_token(desk: Desk) -> None:
    for client in CLIENTS:
        answer = desk.connect(client, "--print")
        assert answer.code == 0
        assert "+++ " in answer.out and "agentos" in answer.out
    assert desk.files() == {}
    assert desk.tokens() == []


GIVEN = {
    "claude": (
        ".claude.json",
        '{"numStartups": 3, "mcpServers": {"db": {"command": "x"}}, "projects": {}}',
    ),
    "codex": (".codex/config.toml", '# mine\nmodel = "o"\n\n[mcp_servers.db]\ncommand = "x"'),
    "cursor": (".cursor/mcp.json", '{\n\t"mcpServers": {\n\t\t"db": {"url": "x"}\n\t}\n}'),
    "vscode": (
        ".config/Code/User/mcp.json",
        '{\n  // mine\n  "servers": {\n    "db": { "command": "x" }, // keep\n  },\n}\n',
    ),
}


@pytest.mark.parametrize("client", CLIENTS)
def test_what_was_there_before_is_kept_and_after_removal_byte_for_byte(
    desk: Desk, client: str
) -> None:
    name, text = GIVEN[client]
    path = desk.home / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o640)

    desk.connect(client, "--scope", "user")
    connected = path.read_text()
    servers = (
        tomllib.loads(connected)["mcp_servers"]
        if client == "codex"
        else next(v for k, v in parse(connected, name).value.items() if k.endswith("ervers"))
    )
    assert set(servers) == {"db", "agentos"}
    assert all(
        comment in connected for comment in ("# mine", "// mine", "// keep") if comment in text
    )
    assert stat.S_IMODE(path.stat().st_mode) == 0o640

    desk.connect(client, "--scope", "user", "--remove")
    assert path.read_text() == text


def test_removal_keeps_what_others_changed_meanwhile(desk: Desk) -> None:
    desk.connect("claude")
    settings = desk.repository / ".claude" / "settings.local.json"
    document = json.loads(settings.read_text())
    document["hooks"]["Stop"].append({"hooks": [{"type": "command", "command": "say done"}]})
    document["hooks"]["PreToolUse"][0]["hooks"].append({"type": "command", "command": "mine"})
    document["model"] = "opus"
    settings.write_text(json.dumps(document))

    desk.connect("claude", "--remove")

    assert json.loads(settings.read_text()) == {
        "hooks": {
            "PreToolUse": [{"matcher": "*", "hooks": [{"type": "command", "command": "mine"}]}],
            "Stop": [{"hooks": [{"type": "command", "command": "say done"}]}],
        },
        "model": "opus",
    }


def test_a_server_of_the_same_name_comes_back_after_removal(desk: Desk) -> None:
    path = desk.repository / ".cursor" / "mcp.json"
    path.parent.mkdir()
    text = '{"mcpServers": {"agentos": {"url": "http://elsewhere/mcp"}}, "x": 1}'
    path.write_text(text)

    desk.connect("cursor")
    assert "elsewhere" not in path.read_text()
    path.write_text(path.read_text().replace('"x": 1', '"x": 2'))
    desk.connect("cursor", "--remove")
    assert path.read_text() == text.replace('"x": 1', '"x": 2')


def test_another_transport_takes_the_place_of_the_first(desk: Desk) -> None:
    desk.connect("vscode")
    desk.connect("vscode", "--scope", "project", "--stdio")
    path = desk.repository / ".vscode" / "mcp.json"
    assert json.loads(path.read_text())["servers"]["agentos"]["type"] == "stdio"

    desk.connect("vscode", "--remove")
    assert desk.files() == {}
    assert len(desk.tokens()) == 1


def test_removal_works_without_a_record(desk: Desk) -> None:
    desk.connect("codex")
    for file in (desk.data / "connections").rglob("connection.json"):
        file.unlink()

    assert desk.connect("codex", "--remove", "--json").json()["status"] == "removed"
    assert "agentos" not in "".join(desk.files().values())


def test_a_token_that_ends_soon_or_was_revoked_is_replaced(desk: Desk) -> None:
    first = desk.connect("codex", "--ttl-s", "3600", "--json").json()["token"]["id"]
    second = desk.connect("codex", "--json").json()["token"]["id"]
    desk.run("token", "revoke", second)
    third = desk.connect("codex", "--json").json()

    assert len({first, second, third["token"]["id"]}) == 3
    assert (third["status"], third["files"]) == ("connected", [])
    alive = [token["id"] for token in desk.tokens() if token["revoked_at"] is None]
    assert alive == [third["token"]["id"]]


def test_the_token_is_for_the_role_and_the_worker_that_were_asked_for(desk: Desk) -> None:
    desk.connect("cursor", "--role", "reviewer", "--worker", "rex", "--person", "rita")
    [token] = desk.tokens()
    assert (token["worker"], token["role"], token["person"]) == ("rex", "reviewer", "rita")
    assert token["expires_at"] is not None
    assert desk.connect("cursor", "--json").json()["status"] == "already_connected"
    assert desk.tokens() == [token]

    desk.connect("claude")
    assert desk.tokens()[0]["worker"] == "claude-ada"


def test_a_given_token_is_used_and_not_revoked(desk: Desk) -> None:
    secret = desk.run("token", "create", "--worker", "eve").out.strip()
    document = desk.connect("codex", "--json", AGENTOS_TOKEN=secret).json()

    assert document["token"]["id"] is None
    assert desk.secrets() == [secret]
    assert len(desk.tokens()) == 1
    desk.connect("codex", "--remove", AGENTOS_TOKEN=secret)
    assert desk.tokens()[0]["revoked_at"] is None


def test_the_headers_command_prints_the_token_as_a_shell_runs_it(desk: Desk) -> None:
    desk.connect("codex")
    config = tomllib.loads((desk.home / ".codex" / "config.toml").read_text())
    command = config["mcp_servers"]["agentos"]["http_headers_helper"]
    printed = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)

    assert json.loads(printed.stdout) == {"Authorization": f"Bearer {desk.secrets()[0]}"}


def test_hooks_run_this_installation_with_the_same_token(desk: Desk) -> None:
    desk.connect("claude")
    settings = json.loads((desk.repository / ".claude" / "settings.local.json").read_text())

    assert set(settings["hooks"]) == {
        *("PreToolUse", "PostToolUse", "PostToolUseFailure", "SessionStart", "Stop"),
        "SubagentStop",
    }
    words = shlex.split(settings["hooks"]["PreToolUse"][0]["hooks"][0]["command"])
    assert words[:2] == ["env", f"AGENTOS_HOME={desk.data}"]
    assert Path(words[2]).is_absolute()
    assert words[3:] == [
        *("hook", "claude-code", "--home", str(desk.data), "--worker", desk.tokens()[0]["worker"]),
        *("--token-file", str(next(desk.data.glob("connections/*/token")))),
    ]
    assert desk.connect("claude", "--no-hooks").code == 0
    assert not (desk.repository / ".claude").exists()


def test_the_file_of_the_token_is_what_stdio_reads(desk: Desk) -> None:
    desk.connect("cursor", "--scope", "user", "--stdio", "--worker", "carl")
    entry = json.loads((desk.home / ".cursor" / "mcp.json").read_text())["mcpServers"]["agentos"]

    assert entry["args"][-1] == "mcp"
    path = entry["env"]["AGENTOS_TOKEN_FILE"]
    answer = desk.run("call", "no_such_tool", AGENTOS_TOKEN_FILE=path)
    assert "bearer" not in answer.err
    Path(path).chmod(0o644)
    refused = desk.run("call", "no_such_tool", AGENTOS_TOKEN_FILE=path)
    assert (refused.code, "chmod 600" in refused.err) == (2, True)


def _refused(desk: Desk, *arguments: str) -> str:
    before = desk.files()
    answer = desk.connect(*arguments)
    assert answer.code == 2, answer.out
    assert len(answer.err.splitlines()) == 1
    assert desk.files() == before
    assert desk.tokens() == [] and desk.secrets() == []
    return answer.err


@pytest.mark.parametrize(
    ("client", "name", "text"),
    [
        ("claude", ".claude.json", '{"mcpServers": {'),
        ("claude", ".claude.json", '{"projects": []}'),
        ("codex", ".codex/config.toml", "[mcp_servers"),
        ("codex", ".codex/hooks.json", '{"hooks": {"Stop": {}}}'),
    ],
)
def test_a_malformed_file_is_refused_and_nothing_written(
    desk: Desk, client: str, name: str, text: str
) -> None:
    path = desk.home / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)

    said = _refused(desk, client)
    assert str(path) in said and "nothing was written" in said


def test_a_file_that_is_not_text_is_refused(desk: Desk) -> None:
    path = desk.repository / ".cursor" / "mcp.json"
    path.parent.mkdir()
    path.write_bytes(b"\xff\xfe{}")
    before = path.read_bytes()
    assert desk.connect("cursor").code == 2
    assert path.read_bytes() == before


def test_links_are_refused_wherever_they_stand_in_the_path(desk: Desk, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (desk.repository / ".vscode").symlink_to(elsewhere)
    assert "is a symbolic link" in _refused(desk, "vscode")

    (elsewhere / "claude.json").write_text("{}")
    (desk.home / ".claude.json").symlink_to(elsewhere / "claude.json")
    assert "is a symbolic link" in _refused(desk, "claude")
    assert [path.name for path in elsewhere.iterdir()] == ["claude.json"]


def test_a_folder_that_takes_no_files_is_refused(desk: Desk) -> None:
    (desk.repository / ".cursor").write_text("a file")
    assert "is not a folder" in _refused(desk, "cursor")


@pytest.mark.parametrize(
    "arguments",
    [
        ("codex", "--scope", "local"),
        ("cursor", "--scope", "local"),
        ("claude", "--stdio", "--url", "http://x/mcp"),
        ("emacs",),
    ],
)
def test_what_a_client_does_not_have_is_refused(desk: Desk, arguments: tuple[str, ...]) -> None:
    _refused(desk, *arguments)


def test_a_second_file_that_cannot_be_written_leaves_the_first_as_it_was(desk: Desk) -> None:
    path = desk.home / ".codex" / "config.toml"
    path.parent.mkdir()
    path.write_text('model = "o"\n')
    # The hooks are longer than a file may be now; the table of the server is not.
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, hard))
    try:
        answer = desk.connect("codex")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert (answer.code, "File too large" in answer.err) == (2, True), answer.err
    assert path.read_text() == 'model = "o"\n'
    assert desk.secrets() == []
    assert desk.tokens()[0]["revoked_at"] is not None


def test_secrets_of_neighbours_do_not_show_in_the_diff(desk: Desk) -> None:
    path = desk.home / ".claude.json"
    secret = "sk-" + "a1" * 12
    path.write_text(json.dumps({"mcpServers": {"db": {"headers": {"x": secret}}}}, indent=2))

    answer = desk.connect("claude", "--scope", "user", "--print")
    assert secret not in answer.out
    assert "headersHelper" in answer.out


def test_a_file_that_a_client_writes_meanwhile_is_left_as_it_is(tmp_path: Path) -> None:
    request = Request(
        client=Client.CURSOR,
        scope=Scope.USER,
        transport=Transport.STDIO,
        url="http://127.0.0.1:1/mcp",
        program=("agentos",),
        variables={},
        user_home=tmp_path,
        project=tmp_path,
        environment={},
        home=tmp_path / "data",
    )
    changes = plan_connection(LAYOUTS[Client.CURSOR](request), request.folder, None)
    file = tmp_path / ".cursor" / "mcp.json"
    file.parent.mkdir()
    file.write_text('{"mcpServers": {"mine": {}}}', "utf-8")
    token, holder = (
        HeldToken(None, "secret", None, is_new=False),
        Holder("w", Role.WORKER, None, 60),
    )

    with pytest.raises(ConfigurationError, match="meanwhile"):
        asyncio.run(connect(None, request, None, changes, token, holder))
    assert file.read_text("utf-8") == '{"mcpServers": {"mine": {}}}'
    assert not request.folder.exists()
