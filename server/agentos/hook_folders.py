"""Where hooks look for what is active: the folders that a plugin which hands out work keeps.

Above: plugins. Below: `agentos_hook.layout`, which the hook process itself reads by.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from agentos.settings import Settings
from agentos_hook.layout import ACTIVE, REMINDED


@dataclass(frozen=True, slots=True)
class HookFolders:
    """`active` holds `NAME.json` for all work that somebody holds; `reminded` is the hooks' own."""

    active: Path
    reminded: Path


def hook_folders(settings: Settings) -> HookFolders:
    """The folders of a data folder; they need not exist."""
    return HookFolders(settings.home / ACTIVE, settings.home / REMINDED)
