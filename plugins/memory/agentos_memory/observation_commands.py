"""`agentos observations export|import`: what was noted, as JSON Lines.

Above: the command line. Below: the tools list_observations and import_observations, through the
pipeline like every other call. Data go to stdout or a file, summaries and errors to stderr.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import IO, Annotated, Any

import orjson
import typer

from agentos import (
    CallRequest,
    Credentials,
    InvalidArgumentError,
    Kernel,
    ToolResult,
    canonical_json,
    exit_code_of,
    local_settings,
    run_with_kernel,
)

PAGE = 20
FORMAT = 1
EXIT_USAGE = 2
_KEPT = (
    "id", "created_at", "actor", "work_order", "kind", "title", "body", "tags", "supersedes",
    "outcome", "origin",
)  # fmt: skip
_KEPT_OF_REFS = ("path", "start_line", "end_line", "commit", "repo", "symbol", "sha256")

observations_command = typer.Typer(
    no_args_is_help=True, add_completion=False, help="What agents noted: export, import."
)


@observations_command.callback()
def _group() -> None:
    """What agents noted: export, import."""


@observations_command.command("export")
def export_observations(
    ctx: typer.Context,
    file: Annotated[
        Path | None, typer.Argument(help="Where to write; stdout by default. Never overwritten.")
    ] = None,
    work_order: Annotated[
        str | None, typer.Option("--work-order", metavar="WO", help="Only those of one work order.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="Only those made since, RFC 3339.")
    ] = None,
) -> None:
    """Write every observation as one JSON document a line, oldest first, superseded ones too."""
    filters = {
        name: value for name, value in (("work_order", work_order), ("since", since)) if value
    }
    raise typer.Exit(run_with_kernel(local_settings(ctx), partial(_export, file, filters)))


@observations_command.command("import")
def import_observations(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="An export; - is stdin.")],
) -> None:
    """Take in an export; what is here already stays as it is. Refuses lines that hold secrets."""
    raise typer.Exit(run_with_kernel(local_settings(ctx), partial(_import, file)))


async def _export(file: Path | None, filters: Mapping[str, Any], kernel: Kernel) -> int:
    n_written = 0
    with ExitStack() as stack:
        try:
            target: IO[bytes] = (
                sys.stdout.buffer if file is None else stack.enter_context(file.open("xb"))
            )
        except OSError as error:
            print(f"agentos: cannot write {file}: {error.strerror}", file=sys.stderr)
            return EXIT_USAGE
        async for page in _pages(kernel, filters):
            if page.is_error:
                print(f"agentos: {page.text}", file=sys.stderr)
                return exit_code_of(page)
            for observation in page.structured["observations"]:
                target.write(_line(observation) + b"\n")
                n_written += 1
        target.flush()
    print(f"{n_written} observations", file=sys.stderr)
    return 0


async def _pages(kernel: Kernel, filters: Mapping[str, Any]) -> AsyncIterator[ToolResult]:
    cursor = None
    while True:
        arguments = {
            "order": "oldest",
            "full": True,
            "include_superseded": True,
            "limit": PAGE,
            **filters,
        }
        if cursor is not None:
            arguments["cursor"] = cursor
        page = await _call(kernel, "list_observations", arguments)
        yield page
        cursor = None if page.is_error else page.structured["next_cursor"]
        if cursor is None:
            return


def _line(observation: Mapping[str, Any]) -> bytes:
    refs = [
        {name: ref[name] for name in _KEPT_OF_REFS if ref.get(name) is not None}
        for ref in observation["refs"]
    ]
    kept = {name: observation[name] for name in _KEPT if observation.get(name) is not None}
    return canonical_json({"format": FORMAT, **kept, "refs": refs})


async def _import(file: Path, kernel: Kernel) -> int:
    n_imported, n_known, n_mapped = 0, 0, 0
    try:
        for batch in _batches(file):
            result = await _call(kernel, "import_observations", {"observations": batch})
            if result.is_error:
                print(f"agentos: {result.text}", file=sys.stderr)
                if n_imported:
                    print(f"{n_imported} were imported before that", file=sys.stderr)
                return exit_code_of(result)
            n_imported += len(result.structured["imported"])
            n_known += len(result.structured["known"])
            n_mapped += len(result.structured["mapped"])
    except (OSError, InvalidArgumentError) as error:
        print(f"agentos: {error}", file=sys.stderr)
        return EXIT_USAGE
    print(
        f"{n_imported} imported ({n_mapped} under a new id), {n_known} known already",
        file=sys.stderr,
    )
    return 0


def _batches(file: Path) -> Iterator[list[Any]]:
    batch: list[Any] = []
    with ExitStack() as stack:
        lines: IO[bytes] = (
            sys.stdin.buffer if str(file) == "-" else stack.enter_context(file.open("rb"))
        )
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                batch.append(orjson.loads(line))
            except orjson.JSONDecodeError as error:
                raise InvalidArgumentError(f"{file}, line {number}: {error}") from None
            if len(batch) == PAGE:
                yield batch
                batch = []
    if batch:
        yield batch


async def _call(kernel: Kernel, tool: str, arguments: Mapping[str, Any]) -> ToolResult:
    token = kernel.settings.token
    credentials = Credentials(bearer_token=token, is_local=True)
    return await kernel.dispatch(CallRequest(tool, dict(arguments), credentials, "cli"))
