"""What commands share, those of the kernel and those of plugins: settings, a kernel, answers.

Above: `agentos.cli` and the commands that plugins register. Below: settings and the kernel.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import orjson

from agentos.calls import CallRequest, Credentials, Role, ToolResult
from agentos.errors import (
    AgentOSError,
    ApprovalRequiredError,
    BudgetExceededError,
    CallRefusedError,
)
from agentos.kernel import Kernel, open_kernel
from agentos.logging import configure_logging
from agentos.settings import Settings, load_settings

if TYPE_CHECKING:
    import typer

T = TypeVar("T")

EXIT_ERROR, EXIT_REFUSED = 1, 3
_REFUSALS = frozenset({CallRefusedError.code, ApprovalRequiredError.code, BudgetExceededError.code})


def settings_of(ctx: typer.Context, **flags: Any) -> Settings:
    """The settings of a command: file, environment, then `flags`; None leaves one as it is."""
    return load_settings(flags, config=getattr(ctx.obj, "config", None))


def local_settings(ctx: typer.Context, **flags: Any) -> Settings:
    """The same for commands that act themselves: whoever runs one is an admin by default."""
    settings = settings_of(ctx, **flags)
    if settings.role is None:
        return settings.model_copy(update={"role": Role.ADMIN})
    return settings


def run_with_kernel(settings: Settings, work: Callable[[Kernel], Awaitable[T]]) -> T:
    """What `work` returns from a kernel that is open for that long; its errors come as they are."""
    log_only_trouble(settings)
    return asyncio.run(_run(settings, work))


def call_tool(ctx: typer.Context, tool: str, arguments: Mapping[str, Any]) -> ToolResult:
    """What a tool answers to whoever runs the command; refused or failed is a result, too."""

    async def work(kernel: Kernel) -> ToolResult:
        token = kernel.settings.token
        credentials = Credentials(bearer_token=token, is_local=token is None)
        return await kernel.dispatch(CallRequest(tool, arguments, credentials, "cli"))

    return run_with_kernel(local_settings(ctx), work)


def exit_code_of(result: ToolResult) -> int:
    """0, 3 for what a rule refused, 1 for what failed."""
    if not result.is_error:
        return 0
    return EXIT_REFUSED if result.error_code in _REFUSALS else EXIT_ERROR


def print_json(document: Any) -> None:
    """Print the one JSON document of a command run with `--json`."""
    print(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())


def log_only_trouble(settings: Settings) -> None:
    """Keep the log of a short command to warnings, unless a level was asked for."""
    is_chosen = "log_level" in settings.model_fields_set
    configure_logging(settings.log_level if is_chosen else "warning")


async def _run(settings: Settings, work: Callable[[Kernel], Awaitable[T]]) -> T:
    failure: AgentOSError | None = None
    async with open_kernel(settings, publishes=False) as kernel:
        try:
            return await work(kernel)
        except AgentOSError as error:
            # The kernel's task group would wrap it.
            failure = error
    raise failure
