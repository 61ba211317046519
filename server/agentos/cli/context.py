"""What every command shares: the global options, the settings they give, and a kernel to ask.

Above: the commands, those of plugins too. Below: settings and the kernel.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import typer

from agentos.calls import Role
from agentos.errors import AgentOSError
from agentos.kernel import Kernel, open_kernel
from agentos.logging import configure_logging
from agentos.settings import Settings, load_settings

T = TypeVar("T")


@dataclass(slots=True)
class GlobalOptions:
    """The options that stand before the command; found as `ctx.obj`."""

    config: Path | None = None


def set_config(ctx: typer.Context, value: Path | None) -> Path | None:
    """Remember `--config`."""
    ctx.ensure_object(GlobalOptions).config = value
    return value


def set_home(ctx: typer.Context, value: Path | None) -> Path | None:
    """Make `--home` the AGENTOS_HOME of this process and of those it starts."""
    if value is not None:
        os.environ["AGENTOS_HOME"] = str(value.absolute())
    return value


def settings_of(ctx: typer.Context, **flags: Any) -> Settings:
    """The settings of a command: file, environment, then `flags`; None leaves one as it is."""
    options = ctx.obj if isinstance(ctx.obj, GlobalOptions) else GlobalOptions()
    return load_settings(flags, config=options.config)


def local_settings(ctx: typer.Context, **flags: Any) -> Settings:
    """The same for commands that act themselves: whoever runs one is an admin by default."""
    settings = settings_of(ctx, **flags)
    if settings.role is None:
        return settings.model_copy(update={"role": Role.ADMIN})
    return settings


def without_plugins(settings: Settings) -> Settings:
    """Settings under which a kernel starts even where a plugin is broken."""
    return settings.model_copy(update={"plugins": ()})


def run_with_kernel(settings: Settings, work: Callable[[Kernel], Awaitable[T]]) -> T:
    """What `work` returns from a kernel that is open for that long; its errors come as they are."""
    log_only_trouble(settings)
    return asyncio.run(_run(settings, work))


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
