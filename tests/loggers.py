"""The loggers of this process: all that they are handed, and as they were before.

`everything_logged` reads records before anybody hides a secret in them. Above: tests of what is logged,
and those that set up logging in this process, which all later tests share. Below: `logging`, through
which structlog goes here as it does in a process of ours.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import structlog


class _Keeping(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        # Also what no format shows: arguments, and values that were passed as `extra`.
        self.lines.append(f"{record.name} {record.getMessage()} {vars(record)!r}")


@contextmanager
def logging_restored() -> Iterator[None]:
    """Whatever the block sets up, each logger and structlog are afterwards as they were before."""
    configured = structlog.get_config() if structlog.is_configured() else None
    before = {logger: _state_of(logger) for logger in (logging.getLogger(), *_named())}
    try:
        yield
    finally:
        for logger in (logging.getLogger(), *_named()):
            _set(logger, *before.get(logger, (logging.NOTSET, True, False, [])))
        structlog.reset_defaults()
        if configured is not None:
            structlog.configure(**configured)


def _state_of(logger: logging.Logger) -> tuple[int, bool, bool, list[logging.Handler]]:
    return logger.level, logger.propagate, logger.disabled, logger.handlers[:]


def _set(
    logger: logging.Logger,
    level: int,
    propagate: bool,
    disabled: bool,
    handlers: list[logging.Handler],
) -> None:
    logger.setLevel(level)
    logger.propagate, logger.disabled = propagate, disabled
    logger.handlers[:] = handlers


def _named() -> list[logging.Logger]:
    return [
        logger
        for logger in logging.root.manager.loggerDict.values()
        if isinstance(logger, logging.Logger)
    ]


@contextmanager
def everything_logged() -> Iterator[list[str]]:
    """The records of the block, each as one text that begins with its logger's name."""
    keeping, root = _Keeping(), logging.getLogger()
    with logging_restored():
        structlog.configure(
            processors=[structlog.stdlib.add_log_level, structlog.processors.KeyValueRenderer()],
            logger_factory=structlog.stdlib.LoggerFactory(),
            wrapper_class=structlog.stdlib.BoundLogger,
            cache_logger_on_first_use=False,
        )
        root.addHandler(keeping)
        root.setLevel(logging.DEBUG)
        # One that was quieted by its own level would not ask the root's.
        for logger in _named():
            logger.setLevel(logging.NOTSET)
        yield keeping.lines
