"""What the bot says on stderr: a line for people, or with `--json` an object a line; no secrets.

Above: the command. Below: structlog, which the kernel's own log uses as well. Besides what looks
like a secret, the bot's own ones are taken out wherever they stand.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from agentos import redact

_CHATTY = ("mcp", "httpx2", "httpcore2", "asyncio", "uvicorn", "slack_bolt", "slack_sdk", "aiohttp")
_HIDDEN = "[redacted]"


def configure_logs(level: str, *, as_json: bool, secrets: Sequence[str]) -> None:
    """Send every log line of this process to stderr in the chosen form."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.PositionalArgumentsFormatter(), *shared],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _without(secrets),
                structlog.processors.JSONRenderer() if as_json else _line,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING if level == "info" else logging.NOTSET)


def _without(secrets: Sequence[str]) -> Processor:
    def hide(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        hidden: EventDict = {
            name: _hidden(value, secrets) for name, value in redact(dict(event)).items()
        }
        return hidden

    return hide


def _hidden(value: Any, secrets: Sequence[str]) -> Any:
    if not isinstance(value, str):
        return (
            value if isinstance(value, int | float | bool | None) else _hidden(str(value), secrets)
        )
    for secret in secrets:
        value = value.replace(secret, _HIDDEN)
    return value


def _line(logger: WrappedLogger, method: str, event: EventDict) -> str:
    """`12:00:01 posted review=RV-1 part=card`; a traceback below."""
    at = str(event.pop("timestamp", ""))[11:19]
    level = str(event.pop("level", "info"))
    said = str(event.pop("event", "")).replace("_", " ")
    event.pop("logger", None)
    trace = event.pop("exception", None)
    fields = " ".join(f"{name}={_one_line(value)}" for name, value in event.items())
    loud = "" if level in ("info", "debug") else f"{level}: "
    line = f"agentos bot: {at} {loud}{_one_line(said)} {fields}".rstrip()
    return f"{line}\n{trace}" if trace else line


def _one_line(value: Any) -> str:
    return "".join(char if char.isprintable() else " " for char in str(value))
