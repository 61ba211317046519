"""`agentos reference add|search|show|list|remove`: documents that workers look things up in.

Above: the command line. Below: the tools of the same names, through the pipeline like every other
call. Results go to stdout, errors to stderr.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from agentos import (
    CallRequest,
    Credentials,
    Kernel,
    canonical_json,
    exit_code_of,
    local_settings,
    run_with_kernel,
)
from agentos_memory.memory import Memory
from agentos_memory.references.section_texts import SCOPE

reference_command = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Documents to look things up in."
)
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as one JSON document.")]


@reference_command.callback()
def _group() -> None:
    """Documents to look things up in: add, search, show, list, remove."""


@reference_command.command("add")
def add_reference(
    ctx: typer.Context,
    source: Annotated[
        Path, typer.Argument(help="A manual, interface description, PDF, or package of sources.")
    ],
    name: Annotated[
        str | None, typer.Option("--name", metavar="N", help="Name that its anchors begin with.")
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Wait until everything has vectors.")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Make a document searchable, or bring it up to date."""
    arguments = {"path": str(source.absolute())} | ({"name": name} if name is not None else {})
    _run(ctx, "add_reference", arguments, as_json, _added, waits=wait)


@reference_command.command("search")
def search_references(
    ctx: typer.Context,
    query: Annotated[str, typer.Argument(help="What you want to know.")],
    mode: Annotated[str, typer.Option(help="hybrid, semantic or keyword.")] = "hybrid",
    source: Annotated[str | None, typer.Option(metavar="N", help="Only in this source.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100)] = 10,
    as_json: AsJson = False,
) -> None:
    """Find sections by words and meaning."""
    only = {"source": source} if source is not None else {}
    arguments = {"query": query, "mode": mode, "limit": limit} | only
    _run(ctx, "search_references", arguments, as_json, _hits)


@reference_command.command("show")
def show_reference(
    ctx: typer.Context,
    anchor: Annotated[str, typer.Argument(help="As a search gives it.")],
    as_json: AsJson = False,
) -> None:
    """Print one section in full."""
    _run(ctx, "get_reference", {"anchor": anchor}, as_json, lambda section: str(section["text"]))


@reference_command.command("list")
def list_references(ctx: typer.Context, as_json: AsJson = False) -> None:
    """List the documents that are searched."""
    _run(ctx, "list_references", {}, as_json, _sources)


@reference_command.command("remove")
def remove_reference(
    ctx: typer.Context,
    source: Annotated[str, typer.Argument(help="A source's name.")],
    as_json: AsJson = False,
) -> None:
    """Forget a document; its file stays as it is."""
    _run(
        ctx, "remove_reference", {"source": source}, as_json,
        lambda removed: f"{removed['source']['name']} is no longer searched",
    )  # fmt: skip


def _run(
    ctx: typer.Context,
    tool: str,
    arguments: Mapping[str, Any],
    as_json: bool,
    text: Callable[[Mapping[str, Any]], str],
    *,
    waits: bool = False,
) -> None:
    work = partial(
        _dispatch, tool=tool, arguments=arguments, as_json=as_json, text=text, waits=waits
    )
    raise typer.Exit(run_with_kernel(local_settings(ctx), work))


async def _dispatch(
    kernel: Kernel,
    *,
    tool: str,
    arguments: Mapping[str, Any],
    as_json: bool,
    text: Callable[[Mapping[str, Any]], str],
    waits: bool,
) -> int:
    result = await kernel.dispatch(
        CallRequest(
            tool=tool,
            arguments=arguments,
            credentials=Credentials(bearer_token=kernel.settings.token, is_local=True),
            edge="cli",
        )
    )
    if as_json:
        print(canonical_json(dict(result.structured)).decode(), flush=True)
    if result.is_error:
        print(f"agentos: {result.text}", file=sys.stderr)
        return exit_code_of(result)
    if not as_json:
        print(text(result.structured), flush=True)
    if waits:
        await _wait_for_vectors(kernel.service(Memory))
    return 0


async def _wait_for_vectors(memory: Memory) -> None:
    if memory.embedding_models.settings.kind == "none":
        return
    progress = await memory.embedding_queue.wait(SCOPE)
    if progress.failure is not None:
        print(f"agentos: some texts have no vectors: {progress.failure}", file=sys.stderr)


def _added(result: Mapping[str, Any]) -> str:
    source = result["source"]
    steps = ("added", "changed", "moved", "removed", "unchanged")
    done = ", ".join(f"{result[step]} {step}" for step in steps if result[step])
    head = f"{source['name']} ({source['format']}): {source['sections']} sections"
    return "\n".join([f"{head}; {done}", *(f"  {notice}" for notice in source["notices"])])


def _hits(result: Mapping[str, Any]) -> str:
    lines = [
        f"{hit['anchor']}  {hit['score']}\n  {hit['title']}: {hit['snippet']}"
        for hit in result["hits"]
    ]
    return "\n".join(lines) or "nothing was found"


def _sources(result: Mapping[str, Any]) -> str:
    lines = [
        f"{source['name']:30} {source['format']:16} {source['sections']:6}  {source['path']}"
        for source in result["sources"]
    ]
    return "\n".join(lines) or "no reference was added"
