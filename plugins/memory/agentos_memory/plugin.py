"""What the memory plugin declares to the kernel."""

from __future__ import annotations

from agentos import Command, EventType, MigrationSet, ReadModel, Service, Tool, hookimpl
from agentos_memory.commands import index_command
from agentos_memory.memory import Memory
from agentos_memory.observations import OBSERVATION_RECORDED, OBSERVATIONS
from agentos_memory.tools import TOOLS


@hookimpl
def register_tools() -> list[Tool]:
    """Index, search, trace, and observations."""
    return list(TOOLS)


@hookimpl
def register_migrations() -> list[MigrationSet]:
    """The schema `memory`."""
    return [MigrationSet("memory", "agentos_memory")]


@hookimpl
def register_event_types() -> list[EventType]:
    """What agents note."""
    return [OBSERVATION_RECORDED]


@hookimpl
def register_read_models() -> list[ReadModel]:
    """Observations; the code index is not one, since its source is the working tree."""
    return [OBSERVATIONS]


@hookimpl
def register_services() -> list[Service]:
    """The shared parts of this plugin."""
    return [Service(Memory, Memory)]


@hookimpl
def register_commands() -> list[Command]:
    """`agentos index`."""
    return [Command("index", index_command)]
