"""`agentos call`: any tool, through the one pipeline, from a shell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from agentos.calls import CallRequest, Credentials, ToolResult
from agentos.cli.arguments import read_arguments
from agentos.cli.output import print_error
from agentos.cli.progress import ProgressLine
from agentos.command_line import exit_code_of, local_settings, print_json, run_with_kernel
from agentos.kernel import Kernel
from agentos.settings import Settings

EDGE = "cli"

TokenOption = Annotated[
    str | None,
    typer.Option(
        "--token",
        metavar="TOKEN",
        help="Call as the owner of this token (default: AGENTOS_TOKEN, else the local principal).",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]


def call(
    ctx: typer.Context,
    tool: Annotated[str, typer.Argument(metavar="TOOL", help="Name of the tool.")],
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KEY=VALUE",
            help="Arguments: text where the tool takes text, else JSON; KEY=@FILE reads a file.",
        ),
    ] = None,
    args: Annotated[
        str | None,
        typer.Option(
            "--args", metavar="JSON", help="All arguments as JSON, @FILE, or - for stdin."
        ),
    ] = None,
    work_order: Annotated[
        str | None, typer.Option(metavar="WO", help="The work order this call belongs to.")
    ] = None,
    idempotency_key: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="A repeated write with this key answers as the first."),
    ] = None,
    token: TokenOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only print what it would probably cost.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Call a tool and print its structured result.

    Exit code 0: done; 3: refused by a contract, a budget or for want of an approval; 1: any other
    error. Without a token the caller is AGENTOS_WORKER in AGENTOS_ROLE (admin by default).
    """
    settings = local_settings(ctx, token=token)

    async def work(kernel: Kernel) -> ToolResult:
        if dry_run:
            return await dispatch(kernel, "estimate_cost", {"action": tool})
        declared = kernel.tools.get(tool)
        schema = declared.input_schema if declared else {}
        return await dispatch(
            kernel,
            tool,
            read_arguments(words or (), args, schema),
            work_order=work_order,
            idempotency_key=idempotency_key,
        )

    finish(run_with_kernel(settings, work), as_json=as_json)


async def dispatch(
    kernel: Kernel,
    tool: str,
    arguments: dict[str, Any],
    *,
    work_order: str | None = None,
    idempotency_key: str | None = None,
) -> ToolResult:
    """One call as the principal of the command line, with its progress on stderr."""
    with ProgressLine() as progress:
        return await kernel.dispatch(
            CallRequest(
                tool=tool,
                arguments=arguments,
                credentials=caller(kernel.settings),
                edge=EDGE,
                work_order=work_order,
                idempotency_key=idempotency_key,
                progress=progress.report,
            )
        )


def caller(settings: Settings) -> Credentials:
    """The token of the settings, or the local principal where there is none."""
    return Credentials(bearer_token=settings.token, is_local=settings.token is None)


def _refusal(error: Mapping[str, Any]) -> str:
    rule = f" (rule {error['rule']})" if "rule" in error else ""
    remedy = f"; {error['remedy']}" if "remedy" in error else ""
    return f"{error['code']}: {error['message']}{rule}{remedy}"


def finish(result: ToolResult, *, as_json: bool) -> None:
    """Print a result; leaves with the exit code of a refused or failed call."""
    if as_json:
        print_json(dict(result.structured))
    elif not result.is_error:
        from agentos.cli.rendering import print_document

        print_document(result.structured)
    if result.is_error:
        if not as_json:
            print_error(_refusal(result.structured["error"]))
        raise typer.Exit(exit_code_of(result))
