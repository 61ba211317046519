"""What the memory plugin declares to the kernel."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from types import ModuleType

from agentos import (
    BlastRadiusSource,
    CallNext,
    Command,
    EventType,
    GroundingSource,
    Kernel,
    Layer,
    Middleware,
    MigrationSet,
    ReadModel,
    Resource,
    RiskFactor,
    Service,
    Tool,
    ToolCall,
    ToolResult,
    hookimpl,
)
from agentos_memory import hookspecs
from agentos_memory.activity import Activity
from agentos_memory.bench_command import bench_index_command
from agentos_memory.commands import index_command
from agentos_memory.grounding import observation_grounding
from agentos_memory.knowledge.builder import KnowledgeBase
from agentos_memory.knowledge.extractors import EXTRACTORS
from agentos_memory.memory import Memory
from agentos_memory.observation_commands import observations_command
from agentos_memory.observations import OBSERVATION_RECORDED, OBSERVATIONS
from agentos_memory.reach_of_changes import ReachOfChanges
from agentos_memory.reference_commands import reference_command
from agentos_memory.references.store import REFERENCE_ADDED, REFERENCE_REMOVED
from agentos_memory.resources import observation
from agentos_memory.risk import CoverageCache, untested_path
from agentos_memory.tools import TOOLS


@hookimpl
def register_hookspecs() -> Sequence[ModuleType]:
    """What other plugins may add to this one."""
    return [hookspecs]


@hookimpl
def register_tools() -> list[Tool]:
    """Index, search, trace, and observations."""
    return list(TOOLS)


@hookimpl
def wrap_tool_call(tool: Tool) -> Middleware | None:
    """Background work gives way to calls of these tools."""
    return _NOTED if tool in TOOLS else None


async def _note(call: ToolCall, call_next: CallNext) -> ToolResult:
    with call.service(Activity).answering():
        return await call_next(call)


_NOTED = Middleware(Layer.OBSERVE, _note)


@hookimpl
def register_resources() -> list[Resource]:
    """Observations, one by one."""
    return [observation]


@hookimpl
def register_migrations() -> list[MigrationSet]:
    """The schema `memory`."""
    return [MigrationSet("memory", "agentos_memory")]


@hookimpl
def register_event_types() -> list[EventType]:
    """What agents note, and which documents they look things up in."""
    return [OBSERVATION_RECORDED, REFERENCE_ADDED, REFERENCE_REMOVED]


@hookimpl
def register_read_models() -> list[ReadModel]:
    """Observations; the code index is not one, since its source is the working tree."""
    return [OBSERVATIONS]


@hookimpl
def register_services() -> list[Service]:
    """The shared parts of this plugin."""
    return [
        Service(Memory, Memory),
        Service(Activity, lambda kernel: Activity()),
        Service(CoverageCache, lambda kernel: CoverageCache(kernel.database)),
        Service(KnowledgeBase, _knowledge_base),
        Service(BlastRadiusSource, lambda kernel: ReachOfChanges(kernel.service(Memory).catalog)),
    ]


def _knowledge_base(kernel: Kernel) -> KnowledgeBase:
    answers = kernel.plugins.hook.register_knowledge_extractors()
    added = [extractor for extractors in answers for extractor in extractors]
    memory = kernel.service(Memory)
    extractors = [*EXTRACTORS, *added]
    activity = kernel.service(Activity)
    return KnowledgeBase(
        kernel.database, memory.catalog, kernel.clock, extractors, memory.workers, activity
    )


@hookimpl
def register_commands() -> list[Command]:
    """`agentos index` and `agentos bench index`."""
    return [
        Command("index", index_command),
        Command("observations", observations_command),
        Command("reference", reference_command),
        Command("index", bench_index_command, group="bench"),
    ]


@hookimpl(optionalhook=True)
def register_risk_factors(kernel: Kernel) -> list[RiskFactor]:
    """What the index knows of the risk of a write, where somebody judges calls."""
    return [untested_path(kernel)]


@hookimpl(optionalhook=True)
def register_grounding(kernel: Kernel) -> list[GroundingSource]:
    """What was noted, for whoever begins work, where somebody hands out work."""
    return [observation_grounding(kernel)]


@hookimpl
def startup(kernel: Kernel) -> Callable[[], Awaitable[None]]:
    """Embed in the background what has no vectors yet, and know which files tests reach."""

    async def start() -> None:
        kernel.service(Memory).start(kernel)
        kernel.start_task(kernel.service(CoverageCache).run())
        kernel.start_task(kernel.service(KnowledgeBase).run())

    return start
