"""The bots' plugin: their commands. Above: the kernel, by the entry point `bots`. Below: slack/.

What a bot needs is imported by its command alone, so that the plugin loads on a bare machine.
"""

from __future__ import annotations

from collections.abc import Sequence

from agentos import Command, hookimpl
from agentos_bots.command_line import bot


@hookimpl
def register_commands() -> Sequence[Command]:
    return [Command("bot", bot)]
