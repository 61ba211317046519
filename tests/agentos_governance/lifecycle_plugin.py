"""A plugin of somebody else, for tests of enforcement: tools that read, write, edit and cost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from decimal import Decimal

from pydantic import BaseModel

from agentos import (
    CallRefusedError,
    EventType,
    Kernel,
    NewEvent,
    Service,
    Tool,
    ToolCall,
    hookimpl,
    tool,
)
from agentos_governance.evidence.gates import Gate, Submission


class Done(BaseModel):
    """That a body ran."""

    text: str


class Probe:
    """What a test sees of running bodies, and how it holds them."""

    def __init__(self) -> None:
        self.bodies: list[str] = []
        self._arrived = asyncio.Event()
        self._release = asyncio.Event()
        self._n_waiting = 0
        self.gate_findings: list[str] = []
        self.gate_error: Exception | None = None
        self.gates_wait = False
        self.in_gate: Callable[[], None] = lambda: None

    async def meet(self) -> None:
        """Wait in a body until the test lets it go on."""
        self._n_waiting += 1
        self._arrived.set()
        await self._release.wait()

    async def wait_for_body(self, count: int = 1) -> None:
        """Until `count` bodies wait."""
        async with asyncio.timeout(60):
            while self._n_waiting < count:
                self._arrived.clear()
                await self._arrived.wait()

    def let_go(self) -> None:
        """Let the bodies that wait go on; later ones wait again."""
        self._n_waiting = 0
        self._release.set()
        self._release = asyncio.Event()


@tool(reads=["notes"])
async def read_note(call: ToolCall) -> Done:
    """Read a note."""
    return _ran(call)


@tool(writes=["notes"])
async def write_note(call: ToolCall, text: str, wait: bool = False) -> Done:
    """Write a note in the call's transaction; `wait` holds the body before it begins one."""
    probe = call.service(Probe)
    if wait:
        await probe.meet()
    transaction = await call.begin()
    await transaction.append(
        NewEvent("notes", "note.written", call.principal.name, call.now(), {"text": text})
    )
    return _ran(call)


@tool(writes=["files"], paths=["path"])
async def edit_file(call: ToolCall, path: str | None = None) -> Done:
    """Edit one file of the workspace."""
    return _ran(call)


@tool(writes=["files"], paths=["paths"])
async def edit_files(call: ToolCall, paths: list[str]) -> Done:
    """Edit several files of the workspace."""
    return _ran(call)


@tool(reads=["files"], paths=["path"])
async def show_file(call: ToolCall, path: str = "README.md") -> Done:
    """Show one file of the workspace."""
    return _ran(call)


@tool(reads=["work_orders"], writes=["own_work_order", "costs"])
async def pretend_protocol(call: ToolCall, work_order: str | None = None) -> Done:
    """Declare the capabilities of the work-order tools, as any plugin may."""
    return _ran(call)


@tool(reads=["models"], max_cost_usd=Decimal("0.40"))
async def ask_model(
    call: ToolCall, cost: str | None = None, wait: bool = False, fail: bool = False
) -> Done:
    """Spend money outside a transaction."""
    if wait:
        await call.service(Probe).meet()
    call.cost_usd = cost
    call.facts["usage"] = {"model": "a-model", "input_tokens": 100, "output_tokens": 10}
    if fail:
        raise CallRefusedError("the model refused", rule="model")
    return _ran(call)


@tool(writes=["notes"], max_cost_usd=Decimal("0.40"))
async def ask_and_note(call: ToolCall, cost: str, fail: bool = False) -> Done:
    """Spend money and write to the work order's own stream in the call's transaction."""
    transaction = await call.begin()
    await transaction.append(
        NewEvent(call.stream, "note.written", call.principal.name, call.now(), {"text": cost})
    )
    call.cost_usd = cost
    if fail:
        raise CallRefusedError("the model refused", rule="model")
    return _ran(call)


def _ran(call: ToolCall) -> Done:
    call.service(Probe).bodies.append(call.tool.name)
    return Done(text=f"{call.tool.name} by {call.principal.name}")


class LifecyclePlugin:
    """The plugin; one object a kernel, with its probe."""

    def __init__(self) -> None:
        self.probe = Probe()

    @hookimpl
    def register_tools(self) -> list[Tool]:
        return [
            read_note,
            write_note,
            edit_file,
            edit_files,
            show_file,
            pretend_protocol,
            ask_model,
            ask_and_note,
        ]

    @hookimpl
    def register_event_types(self) -> list[EventType]:
        return [EventType("note.written", "Somebody wrote a note.")]

    @hookimpl
    def register_services(self) -> list[Service]:
        return [Service(Probe, self._probe_of)]

    @hookimpl
    def register_gates(self) -> Sequence[Gate]:
        return [Gate("probe", self._check)]

    def _probe_of(self, kernel: Kernel) -> Probe:
        return self.probe

    async def _check(self, submission: Submission) -> Sequence[str]:
        self.probe.in_gate()
        if self.probe.gates_wait:
            await self.probe.meet()
        if self.probe.gate_error is not None:
            raise self.probe.gate_error
        return self.probe.gate_findings
