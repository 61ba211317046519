"""The microkernel: opens the database, loads plugins, composes pipelines, dispatches calls.

Above: the edges (MCP, HTTP, command line) and `agentos.testing`. It knows no plugin by name.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, TypeVar

import orjson
import pluggy
import structlog

from agentos.calls import CallRequest, Credentials, Principal, ToolCall, ToolResult
from agentos.canonical import canonical_json, sha256_hex
from agentos.catalogue import Catalogue, Published
from agentos.clock import Clock
from agentos.database.clock import clock_of
from agentos.database.migrations import MigrationSet, migrate, pending_migrations
from agentos.database.opening import open_database
from agentos.database.pool import Database
from agentos.database.transaction import Transaction
from agentos.declarations import flatten, wrappers_of
from agentos.errors import (
    NotFoundError,
    PluginError,
    ToolError,
    UnavailableError,
)
from agentos.event_types import KERNEL_EVENT_TYPES
from agentos.events.bus import EventFeed
from agentos.events.head_file import HeadFile, anchor_file
from agentos.events.log_verification import LogReport, LogVerifier
from agentos.events.model import Event, ReadModel
from agentos.events.signer import HeadSigner
from agentos.events.store import EventStore
from agentos.events.writer import EventWriter
from agentos.figures import KernelFigures
from agentos.identity.callers import Callers
from agentos.identity.delegation import represented
from agentos.identity.oauth.access_tokens import AccessTokens
from agentos.identity.oauth.settings import parse_oauth
from agentos.identity.tokens import Tokens
from agentos.ids import new_call_id
from agentos.isolation import PluginHooks, PluginStates
from agentos.metrics import Metrics
from agentos.outbox.start import outbox_jobs
from agentos.outbox.webhooks import Webhooks
from agentos.pipeline import Pipeline
from agentos.plugins import load_plugins
from agentos.prompts import Prompt
from agentos.records import CallRecorder, principal_stream, short_text
from agentos.registry import Command, InboundRoute, Route
from agentos.resources import Resource
from agentos.results import ResultKeeper
from agentos.retention import forget_old_results
from agentos.services import Services
from agentos.settings import Settings
from agentos.tasks.service import Tasks
from agentos.tools import Tool

T = TypeVar("T")

HAND_OVER_EVERY_S = 0.1

_log = structlog.get_logger(__name__)


class UnknownToolError(NotFoundError):
    """No plugin declares a tool of that name."""


class Kernel:
    """One running AgentOS in this process; get one from `open_kernel`."""

    def __init__(
        self, settings: Settings, plugins: pluggy.PluginManager, database: Database, clock: Clock
    ) -> None:
        self.settings = settings
        self.publishes = True
        """Whether this process tells others what happens here; short commands leave it to servers."""
        self.clock = clock
        self.database = database
        self.plugins = plugins
        self.metrics = Metrics()
        self.read_models: list[ReadModel] = flatten(plugins.hook.register_read_models())
        self.routes: list[Route] = flatten(plugins.hook.register_routes())
        self.inbound_routes: list[InboundRoute] = flatten(plugins.hook.register_inbound_routes())
        self.commands: list[Command] = flatten(plugins.hook.register_commands())
        self.migrations: list[MigrationSet] = flatten(plugins.hook.register_migrations())
        self.events = EventStore(
            [*KERNEL_EVENT_TYPES, *flatten(plugins.hook.register_event_types())]
        )
        self.tokens = Tokens(database, self.events)
        oauth = parse_oauth(settings.oauth)
        self.oauth = None if oauth is None else AccessTokens(oauth)
        """Judges access tokens of the identity provider of the settings, where there is one."""
        self.webhooks = Webhooks(database, self.events, settings)
        self.bus = EventFeed(database)
        self.writer = EventWriter(database, self.events)
        self.recorder = CallRecorder(database, self.writer, clock)
        self.tasks = Tasks(self)
        self.results = ResultKeeper(database, clock, settings.kept_result_bytes)
        self.heads = HeadSigner(
            database,
            clock,
            HeadFile(anchor_file(settings.home, settings.database_url)),
            settings.home / "keys" / "audit.key",
            every_s=settings.signed_head_every_s,
            every_events=settings.signed_head_every_events,
        )
        self.events.acknowledged = self.heads.tail.record
        self.metrics.on_scrape(KernelFigures(database, self.metrics.registry).sample)
        states = PluginStates(database, self.events)
        self.hooks = PluginHooks(plugins, settings, self.metrics, states, clock)
        self._callers = Callers(settings, self.hooks, self.tokens, self.oauth, clock)
        self._services = Services()
        self.catalogue = Catalogue(plugins, self._compose)
        self._in_flight = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._is_closing = False
        self._tasks: asyncio.TaskGroup | None = None
        self._background: list[asyncio.Task[None]] = []

    @property
    def tools(self) -> Mapping[str, Tool]:
        """The tools there are now, by name and sorted; another mapping once they change."""
        return self.catalogue.declared.tools

    @property
    def resources(self) -> Mapping[str, Resource]:
        """The resources and templates, likewise."""
        return self.catalogue.declared.resources

    @property
    def prompts(self) -> Mapping[str, Prompt]:
        """The prompts, likewise."""
        return self.catalogue.declared.prompts

    @property
    def functions(self) -> Mapping[str, Tool]:
        """What calls run, by name: tools, resources, prompts and completions."""
        return self.catalogue.declared.functions

    def publish(self, source: str, published: Published) -> None:
        """Put `published` in place of what `source` published before, in this process.

        Clients that listen are told. Raises PluginError, and changes nothing, where a name or URI
        is taken.
        """
        self.catalogue.publish(source, published)

    def _compose(self, tool: Tool) -> Pipeline:
        wrappers = wrappers_of(self.plugins, tool, self.hooks.isolation)
        return Pipeline(tool, wrappers, self.recorder, self.metrics)

    async def identify(self, credentials: Credentials) -> Principal:
        """Who the caller is, or for whom it acts; RequestError where that cannot be established.

        CallRefusedError where it may not act for whom it names.
        """
        caller = await self._callers.identify(credentials, self)
        return await represented(caller, credentials, self)

    async def dispatch(self, request: CallRequest) -> ToolResult:
        """Take a request through the pipeline; the only way to a tool body.

        Raises RequestError for an unknown caller and UnknownToolError for an unknown tool; every
        other refusal or failure is a result with `is_error`.
        """
        if self._is_closing:
            error = UnavailableError("the server is shutting down", remedy="retry in a few seconds")
            return ToolResult.from_error(error)
        self._in_flight += 1
        self._idle.clear()
        try:
            try:
                caller = await self._callers.identify(request.credentials, self)
            except ToolError as error:
                return ToolResult.from_error(error)
            try:
                principal = await represented(caller, request.credentials, self)
            except ToolError as error:
                return await self._refuse(request, caller, error, new_call_id())
            return await self._run(principal, request)
        finally:
            self._in_flight -= 1
            if not self._in_flight:
                self._idle.set()

    async def _run(self, principal: Principal, request: CallRequest) -> ToolResult:
        """The rest of a dispatch; what a body calls in turn begins here, for its own caller only."""
        prepared = await self._prepare(request, principal)
        if isinstance(prepared, ToolResult):
            return prepared
        with structlog.contextvars.bound_contextvars(call=prepared.id, tool=request.tool):
            result = await self.catalogue.pipelines[prepared.tool.name].run(prepared)
        self.results.offer(prepared, result)
        self.bus.announce()
        return result

    async def _prepare(self, request: CallRequest, principal: Principal) -> ToolCall | ToolResult:
        call_id = new_call_id()
        try:
            return self._bind(request, principal, call_id)
        except UnknownToolError as error:
            refusal = await self._refuse(request, principal, error, call_id)
            if refusal.error_code == UnknownToolError.code:
                raise
            return refusal
        except ToolError as error:
            return await self._refuse(request, principal, error, call_id)

    async def _refuse(
        self, request: CallRequest, principal: Principal, error: ToolError, call_id: str
    ) -> ToolResult:
        result = ToolResult.from_error(error, call_id)
        try:
            await self.recorder.refused_unknown(
                call_id, request.tool, principal, request.edge, result
            )
        except ToolError as unstored:
            return ToolResult.from_error(unstored, call_id)
        self.bus.announce()
        return result

    def _bind(self, request: CallRequest, principal: Principal, call_id: str) -> ToolCall:
        tool = self.functions.get(request.tool)
        if tool is None or tool.surface is not request.surface:
            raise UnknownToolError(f"no {request.surface} is named {request.tool[:100]!r}")
        arguments_json = canonical_json(dict(request.arguments))
        parameters = tool.validate(arguments_json)
        call = ToolCall(
            id=call_id,
            tool=tool,
            arguments=orjson.loads(arguments_json),
            parameters=parameters,
            arguments_sha256=sha256_hex(arguments_json),
            arguments_json=arguments_json,
            principal=principal,
            edge=request.edge,
            kernel=self,
            work_order=short_text("agentos/work_order", request.work_order),
            idempotency_key=short_text("agentos/idempotency_key", request.idempotency_key),
            claims=request.claims,
            stream=principal_stream(principal),
            task=request.task,
            progress_reporter=request.progress,
            log_reporter=request.log,
            correspondent=request.correspondent,
            run_nested=partial(self._run, principal),
        )
        call.guards.append(partial(self.recorder.refuse_second_use, call))
        if call.task is not None:
            call.task.bind(call)
        return call

    async def open_transaction(self) -> Transaction:
        """Begin a unit of work; tool bodies use `call.begin()`, which the kernel commits."""
        transaction = Transaction(self.database, self.events)
        await transaction.open()
        return transaction

    def start_task(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a plugin's own task until the kernel closes; an exception in it stops the server."""
        assert self._tasks is not None, "tasks start in the `startup` hook or later"
        self._background.append(self._tasks.create_task(work))

    def service(self, kind: type[T]) -> T:
        """The service of protocol type `kind`; PluginError where no enabled plugin provides it."""
        found = self._services.find(kind)
        if found is None:
            raise PluginError(f"no enabled plugin provides {kind.__name__}")
        return found

    async def verify_log(self, stream: str | None = None) -> LogReport:
        """The whole log against its chain and every signed head, or one stream's chain."""
        verifier = LogVerifier(self.database, self.heads.file, self.heads.key_path)
        return await verifier.verify(stream)

    def find_service(self, kind: type[T]) -> T | None:
        """The service of protocol type `kind`, or None."""
        return self._services.find(kind)

    async def is_ready(self) -> list[str]:
        """Why the server cannot serve now; empty when the database and migrations are there."""
        try:
            pending = await pending_migrations(self.database, self.migrations)
        except ToolError as error:
            return [error.message]
        return [f"migration {name} is not applied" for name in pending]

    async def _react(self, event: Event) -> None:
        self.tasks.notice(event)
        await self.hooks.react(event, self)

    async def _drain(self) -> None:
        await self.tasks.hand_over()
        self._is_closing = True
        try:
            async with asyncio.timeout(self.settings.shutdown_timeout_s):
                while not await self._is_idle_within(HAND_OVER_EVERY_S):
                    await self.tasks.hand_over()
        except TimeoutError:
            _log.warning("shutdown_with_calls_in_flight", calls=self._in_flight)
        await self.tasks.close()

    async def _is_idle_within(self, wait_s: float) -> bool:
        idle = asyncio.ensure_future(self._idle.wait())
        try:
            done, _ = await asyncio.wait([idle], timeout=wait_s)
            return bool(done)
        finally:
            idle.cancel()


@asynccontextmanager
async def open_kernel(
    settings: Settings,
    *,
    clock: Clock | None = None,
    extra_plugins: Mapping[str, Any] | None = None,
    publishes: bool = True,
) -> AsyncIterator[Kernel]:
    """A started kernel: database up and migrated, plugins loaded, background tasks running.

    Without `clock` it goes by the database's time. `publishes` False leaves it to other processes to
    send events out, as short commands do.
    On exit calls in flight finish first, then plugins, the writer and the database close.
    Raises ConfigurationError with one line where it cannot start.
    """
    plugins = load_plugins(settings.plugins, extra_plugins)
    async with open_database(settings) as database, clock_of(database, clock) as chosen_clock:
        kernel = Kernel(settings, plugins, database, chosen_clock)
        kernel.publishes = publishes
        await migrate(database, kernel.migrations)
        # Before any service loads a cache, so that no event falls between the two.
        position = await kernel.bus.reader.last_position()
        async with _plain_errors(), asyncio.TaskGroup() as tasks:
            kernel._tasks = tasks
            writer = tasks.create_task(kernel.writer.run())
            await kernel.hooks.start(kernel.start_task)
            kernel._services.start(flatten(plugins.hook.register_services()), kernel)
            kernel.start_task(kernel.bus.run_notifier())
            kernel.start_task(kernel.bus.run_listener())
            kernel.start_task(kernel.bus.dispatch(position, kernel._react))
            kernel.start_task(kernel.heads.run())
            kernel.start_task(
                forget_old_results(
                    database,
                    kernel.clock,
                    idempotency_days=settings.idempotency_retention_days,
                    call_result_days=settings.call_result_retention_days,
                )
            )
            kernel.start_task(kernel.results.run())
            kernel.start_task(kernel.tasks.run(takes_up=publishes))
            if publishes:
                for job in outbox_jobs(
                    database, kernel.bus, kernel.clock, settings, kernel.webhooks
                ):
                    kernel.start_task(job)
            try:
                await _run_hooks(plugins.hook.startup(kernel=kernel))
                yield kernel
            finally:
                await kernel._drain()
                try:
                    await _run_hooks(plugins.hook.shutdown(kernel=kernel))
                finally:
                    kernel.writer.close()
                    await writer
                    await kernel.results.close()
                    await kernel.heads.close()
                    if kernel.oauth is not None:
                        await kernel.oauth.close()
                    for task in kernel._background:
                        task.cancel()


@asynccontextmanager
async def _plain_errors() -> AsyncIterator[None]:
    """A task group wraps even what its own block raises; callers expect the error itself."""
    try:
        yield
    except BaseExceptionGroup as group:
        if len(group.exceptions) == 1:
            raise group.exceptions[0] from None
        raise


async def _run_hooks(callables: list[Callable[[], Awaitable[None]] | None]) -> None:
    for run in callables:
        if run is not None:
            await run()
