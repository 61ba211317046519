"""The gateway of one server process: its connections, and what it publishes of them.

Above: tools, commands, the plugin's hooks. Below: connections, pins, declarations. What is published
follows from the settings and the approvals alone, so every process publishes the same, and none has
to connect for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import structlog

from agentos import (
    CallRefusedError,
    Completions,
    Contents,
    Kernel,
    Messages,
    NotFoundError,
    Published,
    StructuredContent,
    Tool,
    ToolCall,
    UnavailableError,
)
from agentos_gateway.conditions import Condition, Conditions, Waiting, read_conditions
from agentos_gateway.configuration import ServerSettings
from agentos_gateway.connection import Connection
from agentos_gateway.declaring import (
    ForeignTool,
    declare_prompt,
    declare_resource,
    declare_tool,
)
from agentos_gateway.definitions import (
    Definition,
    Kind,
    find_problem,
    offered_name,
    template_admits,
)
from agentos_gateway.failures import ForeignError
from agentos_gateway.figures import Figures
from agentos_gateway.inspection import Finding, compare, kinds_of
from agentos_gateway.pins import Pin, read_pins
from agentos_gateway.protocol.conversation import Conversation

SOURCE = "gateway"
RULE = "gateway_pin"
LOOK_PAUSE_S = 0.2
"""After the first word of a change, so that a server that says it thrice is looked at once."""

_log = structlog.get_logger(__name__)


class Gateway:
    """One a kernel; `start` it before calls come."""

    def __init__(
        self, kernel: Kernel, servers: Mapping[str, ServerSettings], tools: tuple[Tool, ...]
    ) -> None:
        self.servers = servers
        self._kernel = kernel
        self._tools = tools
        self._figures = Figures(kernel, servers)
        self._conditions = Conditions(kernel.database, kernel.clock)
        self.connections = {
            name: Connection(name, settings, self._figures, self)
            for name, settings in servers.items()
        }
        kernel.metrics.on_scrape(self._show)
        self._pins: dict[tuple[str, str, str], Pin] = {}
        self._left_out: dict[tuple[str, str, str], str] = {}
        self._reloading = asyncio.Lock()
        self._looking: dict[str, asyncio.Task[None]] = {}

    async def start(self) -> None:
        """Publish what is approved; nothing at all where no server is configured."""
        if not self.servers:
            return
        await self.reload()
        for connection in self.connections.values():
            self._kernel.start_task(connection.run())
        self._kernel.start_task(self._conditions.run())

    async def close(self) -> None:
        """End every connection."""
        for looking in list(self._looking.values()):
            looking.cancel()
        await asyncio.gather(*(each.close() for each in self.connections.values()))
        if self.servers:
            await self._conditions.close()

    async def reload(self) -> None:
        """Publish what is approved now."""
        if not self.servers:
            return
        async with self._reloading:
            self._pins = await read_pins(self._kernel.database)
            self._left_out = {}
            self._kernel.publish(SOURCE, self._published())

    def settings_of(self, server: str) -> ServerSettings:
        """The settings of a server; NotFoundError names those there are."""
        try:
            return self.servers[server]
        except KeyError:
            known = ", ".join(sorted(self.servers)) or "none"
            raise NotFoundError(
                f"no server is named {server[:80]!r}; configured: {known}",
                remedy="add [gateway.servers.NAME] to the configuration and start again",
            ) from None

    def pins_of(self, server: str) -> dict[tuple[str, str], Pin]:
        """What is approved of one server, by kind and name."""
        return {(kind, name): pin for (of, kind, name), pin in self._pins.items() if of == server}

    def left_out(self, server: str) -> dict[tuple[str, str], str]:
        """What is approved and still not offered, with the reason."""
        return {
            (kind, name): why for (of, kind, name), why in self._left_out.items() if of == server
        }

    async def conditions(self) -> Mapping[str, Condition]:
        """How servers are, in this process and in others; those that nobody knows of are left out."""
        for server in self.servers:
            self.state_changed(server)
        await self._conditions.write()
        return await read_conditions(self._kernel.database, self._kernel.clock.now())

    async def inspect(self, server: str) -> list[Finding]:
        """What a server lists now, compared with what is approved; connects where it must."""
        settings = self.settings_of(server)
        connection = self.connections[server]
        live: list[Definition] = []
        for kind in kinds_of(settings):
            live += await connection.listed(kind, not_older_s=0)
        self._pins = await read_pins(self._kernel.database)
        return compare(server, settings, live, self.pins_of(server))

    def _published(self) -> Published:
        tools: list[Tool] = list(self._tools)
        prompts, resources = [], []
        for (server, kind, name), pin in self._pins.items():
            settings = self.servers.get(server)
            if settings is None or kind not in kinds_of(settings):
                continue
            why = self._why_not(server, settings, pin.definition)
            if why is None:
                try:
                    if kind == "tool":
                        tools.append(
                            declare_tool(server, settings, pin.definition, self._call_tool)
                        )
                    elif kind == "prompt":
                        prompts.append(
                            declare_prompt(
                                server, settings, pin.definition, self._get_prompt, self._complete
                            )
                        )
                    else:
                        resources.append(
                            declare_resource(
                                server,
                                settings,
                                pin.definition,
                                self._read,
                                self._complete,
                                self._follow,
                            )
                        )
                except ValueError as error:
                    why = str(error)
            if why is not None:
                self._left_out[(server, kind, name)] = why
                _log.warning("gateway_left_out", server=server, kind=kind, name=name, reason=why)
        return Published(tools=tools, prompts=prompts, resources=resources)

    def _why_not(self, server: str, settings: ServerSettings, definition: Definition) -> str | None:
        if not settings.may_offer(definition.name):
            return "`allow` and `deny` of the settings leave it out"
        # Also of what was approved before: the rules may be stricter by now.
        problem = find_problem(server, definition)
        if problem is None and self._is_taken(offered_name(server, definition)):
            return "another plugin has a tool of that name"
        return problem

    def _is_taken(self, name: str) -> bool:
        known = self._kernel.functions.get(name)
        return known is not None and not known.body.__module__.startswith("agentos_gateway.")

    async def _call_tool(self, call: ToolCall, approved: Definition) -> StructuredContent:
        tool = call.tool
        assert isinstance(tool, ForeignTool)
        connection = self.connections[tool.server]
        await self._check(connection, approved)
        if tool.max_cost_usd is not None:
            # Whatever comes of it: who charges for calls does so for failed ones, too.
            call.cost_usd = str(tool.max_cost_usd)
        conversation = self._conversation(connection, call)
        answer = await connection.ask(
            lambda session: session.call_tool(
                approved.name,
                call.arguments,
                _progress(call) if call.progress_reporter is not None else None,
                conversation,
            ),
            timeout_s=connection.settings.timeout_of(approved.name),
            conversation=conversation,
        )
        problem = tool.find_result_problem(answer.structured)
        if problem is not None:
            raise ForeignError(tool.server, f"its answer breaks its own output schema: {problem}")
        return answer

    async def _get_prompt(self, call: ToolCall, approved: Definition) -> Messages:
        connection = self.connections[_server_of(call)]
        await self._check(connection, approved)
        arguments = {name: str(value) for name, value in call.arguments.items()}
        conversation = self._conversation(connection, call)
        return await connection.ask(
            lambda session: session.get_prompt(approved.name, arguments, conversation),
            timeout_s=connection.settings.timeout_s,
            conversation=conversation,
        )

    async def _read(self, call: ToolCall, approved: Definition) -> Contents:
        connection = self.connections[_server_of(call)]
        uri = str(call.arguments.get("uri", approved.name))
        if approved.kind == "template" and not template_admits(approved.name, uri):
            raise NotFoundError(f"{uri[:200]!r} is no URI of the template {approved.name!r}")
        await self._check(connection, approved)
        conversation = self._conversation(connection, call)
        return await connection.ask(
            lambda session: session.read_resource(uri, conversation),
            timeout_s=connection.settings.timeout_s,
            conversation=conversation,
        )

    async def _complete(
        self, call: ToolCall, approved: Definition, argument: str, typed: str,
        chosen: Mapping[str, str],
    ) -> Completions:  # fmt: skip
        connection = self.connections[_server_of(call)]
        await self._check(connection, approved)
        return await connection.ask(
            lambda session: session.complete(approved.kind, approved.name, argument, typed, chosen),
            timeout_s=connection.settings.timeout_s,
        )

    async def _follow(
        self, server: str, approved: Definition, uri: str, changed: Callable[[], Awaitable[None]]
    ) -> None:
        """Tell of changes of one URI, over restarts of its server, for as long as the task runs."""
        connection = self.connections[server]
        news = asyncio.Event()
        was_followed = False

        def begun() -> None:
            nonlocal was_followed
            if was_followed:
                news.set()  # whatever changed in between was not told
            was_followed = True

        async def follow() -> None:
            while True:
                with suppress(UnavailableError):
                    await self._check(connection, approved)
                    await connection.follow(uri, begun, news.set)
                await asyncio.sleep(connection.settings.retry_after_s)

        following = asyncio.ensure_future(follow())
        following.add_done_callback(lambda _: news.set())
        try:
            while True:
                await news.wait()
                news.clear()
                if following.done():
                    return
                await changed()
        finally:
            following.cancel()
            await asyncio.wait([following])
            if not following.cancelled() and (error := following.exception()) is not None:
                _log.info("gateway_not_followed", server=server, uri=uri[:200], reason=str(error))

    def _conversation(self, connection: Connection, call: ToolCall) -> Conversation | None:
        return Conversation(connection.name, call) if connection.settings.asks else None

    async def _check(self, connection: Connection, approved: Definition) -> None:
        """CallRefusedError where the server now says anything else than what was approved."""
        live = await connection.listed(approved.kind, not_older_s=connection.settings.check_every_s)
        found = [each for each in live if each.key == approved.key]
        if len(found) == 1 and found[0].digest == approved.digest:
            return
        self._figures.count_refused(connection.name)
        what = f"the {approved.kind} {approved.name!r} of the server {connection.name}"
        if not found:
            raise CallRefusedError(
                f"{what} is not there any more",
                rule=RULE,
                remedy="work without it, and tell whoever runs the server",
            )
        raise CallRefusedError(
            f"{what} is not what was approved: its description or its schema changed",
            rule=RULE,
            remedy=(
                f"an admin looks at the difference with `agentos gateway status {connection.name}` "
                f"and approves it with `agentos gateway approve {connection.name} {approved.name}`"
            ),
        )

    async def _show(self) -> None:
        for connection in self.connections.values():
            connection.show()

    def state_changed(self, server: str) -> None:
        """Of a connection of this process; see `Watcher`."""
        connection = self.connections[server]
        self._conditions.note(
            server,
            is_connected=connection.is_open,
            breaker=connection.breaker.state,
            last_failure=connection.breaker.last_failure,
        )

    def listed(self, server: str, kind: Kind, found: Sequence[Definition]) -> None:
        """A server listed everything of a kind: what of it is not what is approved, if anything."""
        pins = {key: pin for key, pin in self.pins_of(server).items() if key[0] == kind}
        waiting = Waiting.of(compare(server, self.servers[server], found, pins))
        self._figures.show_waiting(server, kind, waiting)
        if self._conditions.note_listing(server, kind, waiting) and waiting != Waiting():
            is_trouble = bool(waiting.changed or waiting.missing)
            (_log.warning if is_trouble else _log.info)(
                "gateway_waits_for_approval",
                server=server,
                kind=kind,
                new=list(waiting.new),
                changed=list(waiting.changed),
                missing=list(waiting.missing),
            )

    def list_changed(self, server: str) -> None:
        """A server says that it lists something else; as often as it likes, so looked at once."""
        if server not in self._looking:
            looking = asyncio.ensure_future(self._look_again(server))
            self._looking[server] = looking
            looking.add_done_callback(lambda _: self._looking.pop(server, None))

    async def _look_again(self, server: str) -> None:
        await asyncio.sleep(LOOK_PAUSE_S)
        connection = self.connections[server]
        if not connection.is_open:
            return
        for kind in kinds_of(self.servers[server]):
            try:
                await connection.listed(kind, not_older_s=0)
            except (UnavailableError, ForeignError) as error:
                _log.warning("gateway_not_listed", server=server, reason=error.message)
                return


def _progress(call: ToolCall) -> Any:
    async def report(done: float, total: float | None, message: str | None) -> None:
        await call.progress(done, total, (message or "")[:400])

    return report


def _server_of(call: ToolCall) -> str:
    (capability,) = call.tool.reads
    return capability.split(".")[1]
