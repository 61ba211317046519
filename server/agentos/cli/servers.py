"""`agentos serve` and `agentos mcp`: the two ways to offer the tools."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agentos.cli.context import set_config
from agentos.command_line import settings_of


def serve(
    ctx: typer.Context,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; beyond loopback, tokens are required.")
    ] = None,
    port: Annotated[int | None, typer.Option(help="Port; 0 takes a free one.")] = None,
    workers: Annotated[int | None, typer.Option(help="Server processes to run.")] = None,
    config: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="Settings file.")
    ] = None,
) -> None:
    """Serve MCP at /mcp, with /healthz, /readyz, /metrics and /events, until told to stop.

    SIGTERM and Ctrl-C let the calls in flight finish first.
    """
    from agentos.http.serve import serve as serve_http

    if config is not None:
        set_config(ctx, config)
    serve_http(settings_of(ctx, host=host, port=port, workers=workers))


def mcp(ctx: typer.Context) -> None:
    """Serve the same tools over stdin and stdout, for a client that starts its servers itself.

    It shares the database with every other AgentOS process of the same data folder. The caller is
    the local principal, or whoever AGENTOS_TOKEN belongs to.
    """
    from agentos.mcp.stdio import serve_stdio

    serve_stdio(settings_of(ctx))
