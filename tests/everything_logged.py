"""All that anything logs at debug, as it is before anybody hides a secret in it.

Above: tests that no secret is handed to a logger at all. Below: `logging`, through which structlog goes
here as it does in a process of ours.
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
def everything_logged() -> Iterator[list[str]]:
    """The records of the block, each as one text that begins with its logger's name."""
    keeping, root = _Keeping(), logging.getLogger()
    level, before = root.level, structlog.get_config()
    structlog.configure(
        processors=[structlog.stdlib.add_log_level, structlog.processors.KeyValueRenderer()],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    root.addHandler(keeping)
    root.setLevel(logging.DEBUG)
    try:
        yield keeping.lines
    finally:
        root.removeHandler(keeping)
        root.setLevel(level)
        structlog.configure(**before)
