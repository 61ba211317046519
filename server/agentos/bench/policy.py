"""CPU cost of a governed call, without the database: from its arguments to its two records.

Measured are the real parts in the order in which a call meets them: reading, validating and
digesting its arguments; the votes of authorizers, with what the enabled plugins say theirs
compute; and the two events of every call (allowed, finished), each described, redacted, hashed
and written for storage. The limit is for authorizing and recording; reading the arguments, which a
server that governs nothing does too, and looking up rows and paths count in the whole only. There
are two columns, since the rules of an organisation's policy are asked, and recorded, only where it
has one.
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
from agentos.events.model import GENESIS_HASH, NewEvent
from agentos.events.store import EventStore, chain_event
from agentos.events.writer import EventWriter
from agentos.ids import new_call_id
from agentos.kernel import Kernel
from agentos.metrics import Metrics
from agentos.middleware import Authorizer
from agentos.pipeline import Pipeline
from agentos.plugins import load_plugins
from agentos.records import CALL_EVENT_TYPES, CallRecorder
from agentos.settings import Settings
from agentos.tools import tool

LIMIT_US = 20.0
"""What authorizing and recording a call may cost; source: the kernel issue's bar."""
REPETITIONS = 7

ARGUMENTS: dict[str, Any] = {
    "query": "where does the retry loop give up after a lost connection",
    "mode": "hybrid",
    "repo": "service",
    "path": "src/service/retry.py",
    "limit": 10,
}
CONTRACT_VERSION = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


@dataclass(frozen=True, slots=True)
class Step:
    """CPU microseconds of one part, for one call; None where the part is not met.

    `is_governing` says that the part authorizes or records, and counts towards the limit.
    """

    name: str
    us: float | None
    us_with_policy: float | None
    is_governing: bool


@dataclass(frozen=True, slots=True)
class PolicyReport:
    """The parts, the best of `repetitions` over `calls` calls each, and their totals.

    `total` is of the governing parts, `whole` of all; the figures with a policy are None where no
    enabled plugin knows policies.
    """

    calls: int
    repetitions: int
    steps: tuple[Step, ...]
    total_us: float
    total_with_policy_us: float | None
    whole_us: float
    whole_with_policy_us: float | None

    @property
    def ok(self) -> bool:
        """Whether a call keeps the limit where there is no policy."""
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
    steps = tuple(_measured(part, calls) for part in bench.parts())
    has_policy = any(step.us is None for step in steps)
    governing = [step for step in steps if step.is_governing]
    return PolicyReport(
        calls,
        REPETITIONS,
        steps,
        sum(step.us or 0.0 for step in governing),
        sum(step.us_with_policy or 0.0 for step in governing) if has_policy else None,
        sum(step.us or 0.0 for step in steps),
        sum(step.us_with_policy or 0.0 for step in steps) if has_policy else None,
    )


@dataclass(frozen=True, slots=True)
class _Part:
    """Code of one part, where there is no policy and where there is one."""

    name: str
    run: Callable[[], object] | None
    run_with_policy: Callable[[], object] | None
    is_governing: bool = True


def _measured(part: _Part, calls: int) -> Step:
    us = None if part.run is None else _best_us(part.run, calls)
    run_too = part.run_with_policy
    us_too = us if run_too is part.run or run_too is None else _best_us(run_too, calls)
    return Step(part.name, us, us_too, part.is_governing)


class _Bench:
    """The kernel's parts around one tool; the database is never opened."""

    def __init__(self, plugins: Sequence[str]) -> None:
        database, clock = Database("postgresql:///"), SystemClock()
        self._kernel = Kernel(Settings(plugins=()), load_plugins(()), database, clock)
        store = EventStore(CALL_EVENT_TYPES)
        self._recorder = CallRecorder(database, EventWriter(database, store), clock)
        self._principal = Principal("worker-17", Role.WORKER)
        isolation = self._kernel.hooks.isolation
        voter = isolation.wrap("bench", Authorizer(_allow))
        self._pipeline = Pipeline(find_code, [voter], self._recorder, Metrics())
        self._call, self._call_with_policy = self.bind(), self.bind()
        self._verdicts = [Verdict.allow("allowed_tools", contract_version=CONTRACT_VERSION)]
        self._result = ToolResult({"hits": ["src/service/retry.py"] * 5}, "5 hits")
        answers = load_plugins(plugins).hook.register_policy_costs(call=self._call)
        self._costs = [cost for costs in answers for cost in costs or ()]
        for cost in self._costs:
            if cost.decides is not None:
                self._call_with_policy.decision = cost.decides()

    def parts(self) -> Iterator[_Part]:
        """The parts of one call."""
        yield _Part("read, validate and digest the arguments", self.bind, self.bind, False)
        yield _Part("collect the votes", self._authorize, self._authorize)
        for cost in self._costs:
            run = cost.run if cost.decides is None else None
            yield _Part(cost.name, run, cost.run, not cost.is_lookup)
        yield self._recording("describe the call, allowed", self._describe_allowed)
        yield self._recording("redact, hash and write it", self._write_allowed)
        yield _Part("describe the call, finished", self._describe_finished, self._describe_finished)
        write = self._writing(self._describe_finished())
        yield _Part("redact, hash and write it", write, write)

    def _recording(self, name: str, prepared: Callable[[ToolCall], Callable[[], object]]) -> _Part:
        has_policy = self._call_with_policy.decision is not None
        run = prepared(self._call)
        return _Part(name, run, prepared(self._call_with_policy) if has_policy else run)

    def bind(self) -> ToolCall:
        """As the kernel binds a request."""
        encoded = canonical_json(ARGUMENTS)
        return ToolCall(
            id=new_call_id(),
            tool=find_code,
            arguments=orjson.loads(encoded),
            parameters=find_code.validate(encoded),
            arguments_sha256=sha256_hex(encoded),
            arguments_json=encoded,
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

    def _describe_allowed(self, call: ToolCall) -> Callable[[], NewEvent]:
        return lambda: self._recorder.allowed_event(call, self._verdicts)

    def _describe_finished(self) -> NewEvent:
        return self._recorder.finished_event(self._call, self._result, 12)

    def _write_allowed(self, call: ToolCall) -> Callable[[], object]:
        return self._writing(self._recorder.allowed_event(call, self._verdicts))

    def _writing(self, event: NewEvent) -> Callable[[], object]:
        def write() -> str:
            _, text = chain_event(event, 4711, 42, GENESIS_HASH)
            return text.decode()

        return write


async def _allow(call: ToolCall) -> Verdict | None:
    return Verdict.allow("allowed_tools", contract_version=CONTRACT_VERSION)


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
