"""Takes up rows that are due one by one, so that one that cannot be taken up never blocks the others.

Above: the sweeper and its steps. Below: the database, the figures. A row or a step that fails is
logged, counted, and left alone for a while that doubles each time; statements that find rows are given
those that are left alone, since else a hundred of them would be all that is ever found. What failed is
remembered in this process only: another server, or this one after a restart, tries at once.
"""

from __future__ import annotations

import asyncio
from collections import Counter as Tally
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from prometheus_client import Counter, Gauge

from agentos import Kernel, ToolError

FIRST_PAUSE_S = 5.0
MAX_PAUSE_S = 3_600.0
MAX_STEP_PAUSE_S = 60.0
"""A step that fails is everybody's, and mostly for a short time."""
MAX_REMEMBERED = 5_000
ROW_TIMEOUT_S = 60.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Failure:
    n: int
    until: datetime


class SweepFailures:
    """What failed and when it is tried again, of one kernel."""

    def __init__(self, kernel: Kernel) -> None:
        registry = kernel.metrics.registry
        self._failed: dict[tuple[str, str | None], _Failure] = {}
        self._told: set[tuple[str, type[Exception]]] = set()
        self._count = Counter(
            "agentos_sweep_failures_total",
            "What the sweeper could not take up, by step; a whole step or one row.",
            ("step", "what"),
            registry=registry,
        )
        self._waiting = Gauge(
            "agentos_sweep_waiting_rows",
            "Due rows that failed and are tried again later, by step.",
            ("step",),
            registry=registry,
            multiprocess_mode="livesum",
        )

    def held(self, step: str, now: datetime) -> list[str]:
        """Ids of the step's rows that are left alone now."""
        return [
            row
            for (of, row), failure in self._failed.items()
            if of == step and row is not None and now < failure.until
        ]

    def is_held(self, step: str, now: datetime) -> bool:
        """Whether the whole step is left alone now."""
        failure = self._failed.get((step, None))
        return failure is not None and now < failure.until

    def failed(self, step: str, row: str | None, now: datetime, error: Exception) -> None:
        """Log and count it, and leave it alone for a while; `row` None is the step itself."""
        key = (step, row)
        before = self._failed.pop(key, None)
        n = 1 if before is None else before.n + 1
        most_s = MAX_STEP_PAUSE_S if row is None else MAX_PAUSE_S
        pause_s = min(FIRST_PAUSE_S * 2 ** min(n - 1, 20), most_s)
        self._failed[key] = _Failure(n, now + timedelta(seconds=pause_s))
        while len(self._failed) > MAX_REMEMBERED:
            # Those that failed longest ago; they are found and fail again.
            del self._failed[next(iter(self._failed))]
        self._show()
        self.tell(step, row, error, failures=n, again_in_s=pause_s)

    def tell(self, step: str, row: str | None, error: Exception, **more: float) -> None:
        """Log and count it."""
        self._count.labels(step, "step" if row is None else "row").inc()
        what = {"step": step, "row": row, "error": type(error).__name__, **more}
        kind = (step, type(error))
        if isinstance(error, ToolError):
            _log.warning("sweep_failed", **what, code=error.code, message=error.message)
        else:
            # One traceback of a kind tells as much as a hundred, which take seconds to write.
            _log.error("sweep_failed", **what, exc_info=None if kind in self._told else error)
            self._told.add(kind)

    def succeeded(self, step: str, row: str | None = None) -> None:
        """It is over, or was taken up."""
        if self._failed.pop((step, row), None) is not None:
            self._told = {kind for kind in self._told if kind[0] != step}
            self._show()

    def _show(self) -> None:
        waiting = Tally(step for step, row in self._failed if row is not None)
        for step in {step for step, _ in self._failed} | set(self._shown()):
            self._waiting.labels(step).set(waiting[step])

    def _shown(self) -> list[str]:
        return [
            sample.labels["step"] for each in self._waiting.collect() for sample in each.samples
        ]


async def take_up(
    kernel: Kernel,
    step: str,
    statement: str,
    *arguments: Any,
    act: Callable[[Any], Awaitable[int]],
    timeout_s: float = ROW_TIMEOUT_S,
) -> int:
    """The sum of what `act` answers for each row that `statement` finds.

    The statement's last parameter are ids that it is to leave out; the id is a row's first column.
    """
    failures, now = kernel.service(SweepFailures), kernel.clock.now()
    rows = await kernel.database.fetch(statement, *arguments, failures.held(step, now))
    n_done = 0
    for row in rows:
        try:
            async with asyncio.timeout(timeout_s):
                n_done += await act(row)
        except Exception as error:  # noqa: BLE001 - one row must not hold up the others
            failures.failed(step, str(row[0]), kernel.clock.now(), error)
        else:
            failures.succeeded(step, str(row[0]))
    return n_done


async def run_steps(
    kernel: Kernel, steps: Sequence[tuple[str, Callable[[Kernel], Awaitable[int]]]]
) -> dict[str, int]:
    """What each step answered that did not fail; each runs whatever becomes of the others."""
    failures = kernel.service(SweepFailures)
    answers: dict[str, int] = {}
    for name, step in steps:
        if failures.is_held(name, kernel.clock.now()):
            continue
        try:
            answers[name] = await step(kernel)
        except ToolError as error:
            # The database is away, most likely; nothing is gained by waiting longer.
            _log.warning("sweep_postponed", step=name, code=error.code)
        except Exception as error:  # noqa: BLE001 - one step must not hold up the others
            failures.failed(name, None, kernel.clock.now(), error)
        else:
            failures.succeeded(name)
    return answers
