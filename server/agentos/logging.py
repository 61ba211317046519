"""One JSON object a line on stderr, for our log and for the libraries', without secrets.

Every line of a call carries its id: `Kernel.dispatch` binds `call` and `tool`, structlog merges
them in. Call `configure_logging` once, from the process's entry point.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from agentos.errors import ConfigurationError
from agentos.redaction import redact

_LEVELS = ("debug", "info", "warning", "error", "critical")

# Libraries that narrate every request at INFO.
_CHATTY = ("mcp", "uvicorn", "httpx", "httpx2", "asyncio", "sse_starlette")


def configure_logging(level: str = "info") -> None:
    """Send every log line of this process to stderr as JSON; ConfigurationError for a bad level."""
    if level.lower() not in _LEVELS:
        raise ConfigurationError(f"log_level is {level!r}; it must be one of {', '.join(_LEVELS)}")
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
    _install_handler(shared, level.upper())


def _install_handler(shared: list[Processor], level: str) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.PositionalArgumentsFormatter(), *shared],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                redact_event,
                structlog.processors.JSONRenderer(serializer=_dump),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _CHATTY:
        quiet = logging.WARNING if level == "INFO" else logging.NOTSET
        logging.getLogger(name).setLevel(quiet)


def redact_event(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """A structlog processor: the event without secrets."""
    redacted: EventDict = redact(dict(event))
    return redacted


def _dump(event: Any, **options: Any) -> str:
    return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
