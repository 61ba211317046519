"""Settings: file, then environment, then flags; a bad one is one clear line."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentos import ConfigurationError, Role, load_settings


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "agentos.toml"
    path.write_text('port = 1\nhost = "file"\nworker = "file"\nplugins = ["memory"]\n')
    return path


def test_flags_win_over_the_environment_and_that_over_the_file(config: Path) -> None:
    environment = {"AGENTOS_PORT": "2", "AGENTOS_HOST": "environment", "AGENTOS_ROLE": "reviewer"}
    settings = load_settings({"port": 3, "host": None}, config=config, environment=environment)
    assert (settings.port, settings.host, settings.worker) == (3, "environment", "file")
    assert settings.role is Role.REVIEWER
    assert settings.plugins == ("memory",)


def test_lists_and_paths_are_read_from_the_environment(tmp_path: Path) -> None:
    environment = {
        "AGENTOS_PLUGINS": "memory, governance,",
        "AGENTOS_HOME": str(tmp_path),
        "AGENTOS_REQUIRE_TOKEN": "true",
        "AGENTOS_PORT": "",
    }
    settings = load_settings(environment=environment)
    assert settings.plugins == ("memory", "governance")
    assert settings.home == tmp_path
    assert settings.require_token
    assert settings.port == 7420


def test_the_file_in_the_working_directory_is_read_where_none_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "agentos.toml").write_text('host = "file"\n')
    monkeypatch.chdir(tmp_path)
    assert load_settings(environment={}).host == "file"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("prot = 1", "setting 'prot': Extra inputs are not permitted"),
        ("port = 99999", "setting 'port': Input should be less than or equal to 65535"),
        ('port = "many"', "setting 'port': Input should be a valid integer"),
        ('role = "king"', "setting 'role': Input should be 'worker', "),
        ('plugins = "memory"', "setting 'plugins': Input should be a valid tuple"),
        ("plugins = [1]", "setting 'plugins.0': Input should be a valid string"),
        ('worker = ""', "setting 'worker': String should have at least 1 character"),
        ("database_pool_size = 1", "setting 'database_pool_size': Input should be greater"),
        ("port = ", "Invalid value"),
    ],
)
def test_a_bad_setting_is_named_in_one_line(tmp_path: Path, text: str, line: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(ConfigurationError) as refused:
        load_settings(config=path, environment={})
    assert line in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_named_file_must_exist_and_be_text(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="does not exist"):
        load_settings(config=tmp_path / "none.toml", environment={})
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match=r"binary\.toml: "):
        load_settings(config=tmp_path / "binary.toml", environment={})
    with pytest.raises(ConfigurationError, match="directory"):
        load_settings(config=tmp_path, environment={})


def test_secrets_are_not_shown_and_not_repeated_in_errors() -> None:
    settings = load_settings(
        {"token": "aos_secret", "database_url": "postgresql://u:hunter2@h/db"}, environment={}
    )
    assert "aos_secret" not in repr(settings)
    assert "hunter2" not in repr(settings)
    with pytest.raises(ConfigurationError) as refused:
        load_settings({"token": ["aos_secret"]}, environment={})
    assert "aos_secret" not in str(refused.value)


@pytest.mark.parametrize("name", ["role", "worker", "token"])
def test_a_file_found_by_chance_does_not_decide_who_the_caller_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / "agentos.toml").write_text(f'{name} = "admin"\nport = 7421\n')
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match=f"AGENTOS_{name.upper()}"):
        load_settings(environment={})
    named = load_settings(config=Path("agentos.toml"), environment={})
    assert getattr(named, name) == "admin" and named.port == 7421


@pytest.mark.parametrize(
    "table", ['[gatekeeper]\nskip = ["no_secrets"]\n', "[review]\nsticky = true\n"]
)
def test_a_file_found_by_chance_does_not_decide_what_is_checked_or_who_reviews(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    """Else a worker's own commit switches off the checks of its work at the next start."""
    (tmp_path / "agentos.toml").write_text(table)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match="what is allowed"):
        load_settings(environment={})
    load_settings(config=Path("agentos.toml"), environment={})


@pytest.mark.parametrize("line", ['event_bus = "nats://evil"', 'webhook_allowed_hosts = ["h"]'])
def test_a_file_found_by_chance_does_not_decide_where_events_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    (tmp_path / "agentos.toml").write_text(line)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match="where events are sent"):
        load_settings(environment={})
    load_settings(config=Path("agentos.toml"), environment={})


def test_a_file_found_by_chance_does_not_decide_where_code_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "agentos.toml").write_text('[memory.embedder]\nkind = "openai"\n')
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match="where code is sent"):
        load_settings(environment={})
    load_settings(config=Path("agentos.toml"), environment={})
