"""`agentos report`: the seven answers for one work order, as text, JSON or a page."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from agentos.calls import ToolResult
from agentos.cli.call import JsonOption, TokenOption, dispatch, finish
from agentos.command_line import local_settings, run_with_kernel
from agentos.kernel import Kernel

TOOL = "get_work_report"


class Format(StrEnum):
    """How to print a report."""

    TEXT = "text"
    JSON = "json"
    HTML = "html"


def report(
    ctx: typer.Context,
    work_order: Annotated[str, typer.Argument(metavar="WO", help="Id of the work order.")],
    format: Annotated[Format, typer.Option(help="What to print.")] = Format.TEXT,
    token: TokenOption = None,
    as_json: JsonOption = False,
) -> None:
    """Answer for one work order: who, why it was allowed, grounding, correctness, cost, review,
    recovery.

    `--format html` prints one page that needs nothing else.
    """
    settings = local_settings(ctx, token=token)

    async def work(kernel: Kernel) -> ToolResult:
        return await dispatch(kernel, TOOL, {"work_order": work_order})

    result = run_with_kernel(settings, work)
    if as_json or format is Format.JSON or result.is_error:
        finish(result, as_json=as_json or format is Format.JSON)
    elif format is Format.HTML:
        from agentos.cli.report_page import page_of

        print(page_of(result.structured), end="")
    else:
        from agentos.cli.report_text import print_report

        print_report(result.structured)
