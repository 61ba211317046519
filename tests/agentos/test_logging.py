"""The log: JSON lines on stderr with call ids, and no secrets."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from agentos import CallRequest, ConfigurationError, Credentials, Settings, open_kernel
from agentos.logging import configure_logging
from tests.agentos.mcp import edge_plugin
from tests.loggers import logging_restored

TOKEN = "aos_" + "k" * 43


@pytest.fixture
def plain_logging() -> Iterator[None]:
    with logging_restored():
        yield


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    captured = capsys.readouterr()
    assert captured.out == ""
    return [json.loads(line) for line in captured.err.splitlines()]


@pytest.mark.usefixtures("plain_logging")
def test_our_lines_and_those_of_libraries_are_json_on_stderr(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging("info")
    structlog.get_logger("agentos.kernel").warning("pool_small", size=2)
    logging.getLogger("uvicorn.error").warning("odd %s", "request")
    logging.getLogger("uvicorn.error").info("too much detail")
    ours, theirs = lines(capsys)
    assert (ours["event"], ours["size"], ours["level"]) == ("pool_small", 2, "warning")
    assert (theirs["event"], theirs["logger"]) == ("odd request", "uvicorn.error")


@pytest.mark.usefixtures("plain_logging")
def test_secrets_never_reach_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("debug")
    log = structlog.get_logger("x")
    log.error("refused", header=f"Bearer {TOKEN}", password="hunter22", deep={"token": "t" * 9})
    try:
        raise ValueError(f"no such token {TOKEN}")
    except ValueError as error:
        log.error("failed", exc_info=error)
    logging.getLogger("asyncpg").error("postgres://me:%s@db/x", "hunter22")
    logged = lines(capsys)
    assert len(logged) == 3
    for word in (TOKEN, "hunter22", "ttttttttt"):
        assert word not in str(logged)
    assert "ValueError: no such token [redacted]" in str(logged[1]["exception"])


@pytest.mark.usefixtures("plain_logging")
def test_a_level_that_is_none_is_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match="log_level is 'loud'"):
        configure_logging("loud")


@pytest.mark.anyio
@pytest.mark.usefixtures("plain_logging")
async def test_lines_of_a_call_carry_its_id(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    async with open_kernel(settings, extra_plugins={"edge_test": edge_plugin}) as kernel:
        configure_logging("info")
        result = await kernel.dispatch(
            CallRequest("crash", {}, Credentials(is_local=True), edge="mcp")
        )
        structlog.get_logger("x").warning("afterwards")
    failed, after = lines(capsys)
    assert (failed["event"], failed["call"], failed["tool"]) == (
        "call_failed",
        result.call_id,
        "crash",
    )
    assert "call" not in after
