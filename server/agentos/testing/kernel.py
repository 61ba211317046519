"""A started kernel for a test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from agentos.clock import Clock
from agentos.kernel import Kernel, open_kernel
from agentos.settings import Settings


@asynccontextmanager
async def open_test_kernel(
    home: Path,
    plugins: Sequence[str] = (),
    *,
    extra_plugins: Mapping[str, Any] | None = None,
    clock: Clock | None = None,
    **settings: Any,
) -> AsyncIterator[Kernel]:
    """A kernel with its data in `home`, the named plugins, and modules or objects as plugins.

    Uses the embedded PostgreSQL unless `database_url` is among the further `settings`.
    """
    chosen = Settings.model_validate({"home": home, "plugins": tuple(plugins), **settings})
    async with open_kernel(chosen, clock=clock, extra_plugins=extra_plugins) as kernel:
        yield kernel
