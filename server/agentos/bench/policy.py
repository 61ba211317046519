"""CPU cost of deciding about a call and describing it, without the database.

Measured are the real parts in the order in which a call meets them: reading and digesting its
arguments, the vote of an authorizer, and the two events of every call (allowed, finished), each
redacted, hashed and serialised for storage; and what the enabled plugins say their authorizers
compute, such as judging a contract. Reading the arguments (validation, which a server without any
policy needs too) is shown beside the total.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, Field

from agentos.calls import Principal, Role, ToolCall, ToolResult, Verdict
from agentos.canonical import canonical_json, sha256_hex
from agentos.clock import SystemClock
from agentos.database.pool import Database
from agentos.events.chain import hash_event
from agentos.events.model import GENESIS_HASH, NewEvent
from agentos.events.store import EventStore
from agentos.events.writer import EventWriter
from agentos.ids import new_id
from agentos.kernel import Kernel
from agentos.metrics import Metrics
from agentos.middleware import Authorizer
from agentos.pipeline import Pipeline
from agentos.plugins import load_plugins
from agentos.records import CALL_EVENT_TYPES, CallRecorder
from agentos.redaction import redact
from agentos.settings import Settings
from agentos.tools import tool

LIMIT_US = 20.0
"""What authorizing and recording may cost a call."""
REPETITIONS = 7

ARGUMENTS: dict[str, Any] = {
    "query": "where does the retry loop give up after a lost connection",
    "mode": "hybrid",
    "repo": "service",
    "path": "src/service/retry.py",
    "limit": 10,
}
DIGEST = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"
CONTRACT_VERSION = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


@dataclass(frozen=True, slots=True)
class Step:
    """CPU microseconds of one part, for one call; `counts` where it is policy's work."""

    name: str
    us: float
    counts: bool


@dataclass(frozen=True, slots=True)
class PolicyReport:
    """The parts, the best of `repetitions` over `calls` calls each; the total of what counts."""

    calls: int
    repetitions: int
    steps: tuple[Step, ...]
    total_us: float

    @property
    def ok(self) -> bool:
        """Whether the total keeps the limit."""
        return self.total_us <= LIMIT_US


class Hits(BaseModel):
    """The result of the measured tool."""

    hits: list[str]


@tool(reads=["code"], paths=["path"])
async def find_code(
    call: ToolCall,
    query: Annotated[str, Field(min_length=1, max_length=2_000)],
    mode: Literal["hybrid", "semantic", "keyword"] = "hybrid",
    repo: Annotated[str | None, Field(max_length=200)] = None,
    path: Annotated[str | None, Field(max_length=4_096)] = None,
    limit: Annotated[int, Field(ge=1, le=100)] = 10,
) -> Hits:
    """Find code; the shape of a typical read-only tool."""
    return Hits(hits=[query])


def measure_policy(plugins: Sequence[str] = (), calls: int = 5_000) -> PolicyReport:
    """Measure each part on this thread's CPU clock, so that a busy machine does not count."""
    bench = _Bench(plugins)
    steps = tuple(
        Step(name, _best_us(run, calls), run != bench.bind) for name, run in bench.parts()
    )
    return PolicyReport(calls, REPETITIONS, steps, sum(step.us for step in steps if step.counts))


class _Bench:
    """The kernel's parts around one tool; the database is never opened."""

    def __init__(self, plugins: Sequence[str]) -> None:
        answers = load_plugins(plugins).hook.register_policy_costs()
        self._plugin_costs = [cost for costs in answers for cost in costs or ()]
        database, clock = Database("postgresql:///"), SystemClock()
        self._kernel = Kernel(Settings(plugins=()), load_plugins(()), database, clock)
        store = EventStore(CALL_EVENT_TYPES)
        self._recorder = CallRecorder(database, EventWriter(database, store), clock)
        self._principal = Principal("worker-17", Role.WORKER)
        self._pipeline = Pipeline(find_code, [Authorizer(_allow)], self._recorder, Metrics())
        self._call = self.bind()
        self._verdicts = [Verdict.allow("allowed_tools", contract_version=CONTRACT_VERSION)]
        self._result = ToolResult({"hits": ["src/service/retry.py"] * 5}, "5 hits")
        self._allowed = self._recorder.allowed_event(self._call, self._verdicts)
        self._finished = self._recorder.finished_event(self._call, self._result, 12)

    def parts(self) -> Iterator[tuple[str, Callable[[], object]]]:
        """Name and code of each part, for one call."""
        yield "read and validate the arguments", self.bind
        yield "digest the arguments", lambda: sha256_hex(canonical_json(ARGUMENTS))
        yield "authorize", self._authorize
        for cost in self._plugin_costs:
            yield cost.name, cost.run
        yield "describe the call, allowed", self._describe_allowed
        yield "describe the call, finished", self._describe_finished
        yield (
            "redact both events",
            lambda: (redact(self._allowed.data), redact(self._finished.data)),
        )
        yield "hash both events", lambda: (_hash(self._allowed), _hash(self._finished))
        yield "serialise both events", self._serialise

    def bind(self) -> ToolCall:
        """As the kernel binds a request."""
        encoded = canonical_json(ARGUMENTS)
        return ToolCall(
            id=new_id("CA", 12),
            tool=find_code,
            arguments=orjson.loads(encoded),
            parameters=find_code.validate(encoded),
            arguments_sha256=DIGEST,
            arguments_bytes=len(encoded),
            principal=self._principal,
            edge="mcp",
            kernel=self._kernel,
            work_order="WO-3F9K2M7Q",
            claims={"client": "bench", "client_version": "1"},
            stream="work_order/WO-3F9K2M7Q",
        )

    def _authorize(self) -> None:
        try:
            self._pipeline.authorize(self._call).send(None)
        except StopIteration:
            return

    def _describe_allowed(self) -> NewEvent:
        return self._recorder.allowed_event(self._call, self._verdicts)

    def _describe_finished(self) -> NewEvent:
        return self._recorder.finished_event(self._call, self._result, 12)

    def _serialise(self) -> object:
        return orjson.dumps(self._allowed.data).decode(), orjson.dumps(self._finished.data).decode()


async def _allow(call: ToolCall) -> Verdict | None:
    return Verdict.allow("allowed_tools", contract_version=CONTRACT_VERSION)


def _hash(event: NewEvent) -> str:
    fields = (4711, event.stream, 42, event.type, event.actor, event.at, event.data, GENESIS_HASH)
    return hash_event(*fields)


def _best_us(run: Callable[[], object], calls: int) -> float:
    run()
    with _without_collector():
        return min(_once_us(run, calls) for _ in range(REPETITIONS))


def _once_us(run: Callable[[], object], calls: int) -> float:
    started = time.thread_time_ns()
    for _ in range(calls):
        run()
    return (time.thread_time_ns() - started) / calls / 1000


@contextmanager
def _without_collector() -> Iterator[None]:
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
