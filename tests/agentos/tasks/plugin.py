"""Tools that take as long as a test wants, and leave a trace of every time they did their work."""

from __future__ import annotations

from pydantic import BaseModel

from agentos import (
    Content,
    Elicitation,
    EventType,
    InvalidStateError,
    NewEvent,
    Roots,
    ToolCall,
    tool,
)
from tests.agentos.plugin_factory import Plugin, allow_everything
from tests.agentos.tasks.meeting import meet

WORKED = EventType("worked", "A tool did its work.")
COUNT_WORK = "select count(*) from kernel.event where type = 'worked' and data ->> 'name' = $1"


class Done(BaseModel):
    """What was done."""

    name: str
    call: str


class NameForm(BaseModel):
    """A name."""

    name: str


async def _work(call: ToolCall, name: str) -> Done:
    transaction = await call.begin()
    event = NewEvent(f"work/{name}", "worked", call.principal.name, call.now(), {"name": name})
    await transaction.append(event)
    return Done(name=name, call=call.id)


@tool()
async def look(call: ToolCall, port: int, name: str) -> Done:
    """Reads, for as long as the meeting lasts."""
    await meet(port, name)
    return Done(name=name, call=call.id)


@tool(task="always")
async def look_long(call: ToolCall, port: int, name: str) -> Done:
    """The same, of which it is known that it takes long."""
    await call.progress(1, 2, "looking")
    await meet(port, name)
    return Done(name=name, call=call.id)


@tool(writes=["work"], task="always")
async def do_work(call: ToolCall, port: int, name: str) -> Done:
    """Meets, and then writes."""
    await meet(port, name)
    return await _work(call, name)


@tool(writes=["work"], task="always")
async def work_first(call: ToolCall, port: int, name: str) -> Done:
    """Writes, and meets before it ends."""
    done = await _work(call, name)
    await meet(port, name)
    return done


@tool(task="never")
async def look_now(call: ToolCall, port: int, name: str) -> Done:
    """Reads while its caller waits."""
    await meet(port, name)
    return Done(name=name, call=call.id)


@tool(task="required")
async def only_as_task(call: ToolCall) -> Content:
    """Answers blocks, in a task."""
    return Content.of("one", "two")


@tool(task="always")
async def fail(call: ToolCall, name: str) -> Done:
    """Fails as declared."""
    raise InvalidStateError(f"{name} cannot be done", remedy="do something else")


@tool(writes=["work"], task="always", converses=True, timeout_s=1)
async def ask_twice(call: ToolCall, name: str) -> Done:
    """Asks for a name and, by the answer, for another under the same key."""
    first = (await call.ask(who=Elicitation("Who?", NameForm)))["who"].filled(NameForm)
    said = first.name if first else "nobody"
    again = (await call.ask(who=Elicitation(f"After {said}?", NameForm)))["who"].filled(NameForm)
    return await _work(call, f"{name} {said} {again.name if again else 'nobody'}")


@tool(writes=["work"], converses=True)
async def ask_and_detach(call: ToolCall, port: int, name: str) -> Done:
    """Asks, lets its client go, and then works."""
    form = (await call.ask(who=Elicitation("Who?", NameForm)))["who"].filled(NameForm)
    await call.detach()
    await meet(port, name)
    return await _work(call, f"{name} {form.name if form else 'nobody'}")


@tool(task="always", converses=True)
async def ask_for_folders(call: ToolCall) -> Done:
    """Asks what the tests' clients cannot answer."""
    await call.ask(folders=Roots())
    return Done(name="folders", call=call.id)


TOOLS = [
    look,
    look_long,
    do_work,
    work_first,
    look_now,
    only_as_task,
    fail,
    ask_twice,
    ask_and_detach,
    ask_for_folders,
]


def tasks_plugin() -> Plugin:
    """The plugin."""
    return Plugin(tools=TOOLS, wrappers=[allow_everything], event_types=[WORKED])
