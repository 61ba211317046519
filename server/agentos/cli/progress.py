"""Shows on stderr how far a long call is: one moving line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Self

from agentos.cli.output import one_line, print_note

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class ProgressLine:
    """A context in which `report` is a tool call's progress reporter."""

    def __init__(self) -> None:
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._last = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    async def report(self, done: float, total: float | None, message: str) -> None:
        """Show the state; `total` None means that nobody knows how much there is."""
        if sys.stderr.isatty():
            self._move(done, total, one_line(message))
        elif message and message != self._last:
            self._last = message
            print_note(message)

    def _move(self, done: float, total: float | None, message: str) -> None:
        if self._bar is None:
            self._bar = _progress_bar()
            self._task = self._bar.add_task("")
            self._bar.start()
        assert self._task is not None
        self._bar.update(self._task, completed=done, total=total, description=message)


def _progress_bar() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )
