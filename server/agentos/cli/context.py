"""The global options of the program.

Above: the commands. Below: settings.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import typer

from agentos.settings import Settings


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


def without_plugins(settings: Settings) -> Settings:
    """Settings under which a kernel starts even where a plugin is broken."""
    return settings.model_copy(update={"plugins": ()})
