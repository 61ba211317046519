"""`agentos audit export`: the log for a SIEM or a spreadsheet."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TextIO

import typer

from agentos.cli.context import without_plugins
from agentos.cli.output import print_note
from agentos.command_line import local_settings, run_with_kernel
from agentos.errors import ConfigurationError
from agentos.events.exporting.export import ExportFormat, Selection, export_lines
from agentos.kernel import Kernel


def export(
    ctx: typer.Context,
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="Where to write; by default stdout.")
    ] = None,
    format: Annotated[
        ExportFormat, typer.Option("--format", help="How events are written.")
    ] = ExportFormat.JSONL,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="From this time on, such as 2026-03-01.")
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="Before this time.")] = None,
    stream: Annotated[str | None, typer.Option(metavar="S", help="One stream.")] = None,
    work_order: Annotated[str | None, typer.Option(metavar="WO", help="One work order.")] = None,
) -> None:
    """Write events as OCSF 1.3 API Activity, CEF, CSV or JSON lines, oldest first.

    A FILE is complete or not there at all. Times are UTC unless they say otherwise.
    """
    selection = Selection(_time("--since", since), _time("--until", until), stream, work_order)

    async def work(kernel: Kernel) -> int:
        lines = export_lines(kernel.database, format, selection)
        if file is None:
            return await _write_lines(lines, sys.stdout)
        with _whole_file(file) as target:
            return await _write_lines(lines, target)

    n_lines = run_with_kernel(without_plugins(local_settings(ctx)), work)
    if file is not None:
        print_note(f"{file}: {n_lines} lines")


async def _write_lines(lines: AsyncIterator[str], target: TextIO) -> int:
    n_lines = 0
    async for line in lines:
        target.write(line + "\n")
        n_lines += 1
    return n_lines


@contextmanager
def _whole_file(path: Path) -> Iterator[TextIO]:
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise ConfigurationError(f"cannot write {path}: {error.strerror}") from None
    finally:
        part.unlink(missing_ok=True)


def _time(option: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigurationError(
            f"{option} {text!r} is not a time such as 2026-03-01T09:30:00Z"
        ) from None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
