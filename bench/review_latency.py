"""From a click in Slack to the decision in PostgreSQL: p50 and p99 over both transports.

    python -m bench.review_latency [--reviews 200] [--at-once 1] [--transports socket http]
        [--worktree [--files 200] [--commits]] [--bar-ms 250] [--json]

A server (`agentos serve`), a bot (`agentos bot slack`) and an embedded PostgreSQL are processes of
their own; Slack is `agentos.testing.slack` in this one, where people click Approve on one review
after the other. Told apart: until Slack has the acknowledgement, until the review's row is decided
and committed (looked for every 2 ms on a connection of its own), and until the card shows it. CPU per
click is told apart as well, since it depends less on what else the machine does; it is all that
the three do until the last card is shown. With `--worktree` each work order has a worktree of one
repository of `--files` files, in which a few were changed, committed with `--commits`; a vote for it
reads all of it again. Exit code 1 where the p99 of committed is over the bar.
Needs the extra `slack`. Linux only.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import shutil
import socket
import statistics
import sys
import tempfile
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import asyncpg

from agentos import Role, Settings, open_kernel
from agentos.database.embedded import EmbeddedPostgres
from agentos.testing import caller_as
from agentos.testing.slack import Message, SlackEmulator, SlackUser
from agentos_bots.slack.kernel_client import KernelClient, open_kernel_client
from agentos_memory import process_usage
from bench.worktrees import change_worktree, make_repository

BAR_MS = 250.0
WARM_UP = 10
LOOK_EVERY_S = 0.002
TIMEOUT_S = 60.0
REVIEWER = SlackUser("UADA", "ada", "ada@example.com")
CONTRACT: Mapping[str, Any] = {
    "allowed_roots": ["src/"],
    "allowed_tools": ["*"],
    "cost_budget_usd": "1.00",
}
DECIDED = "select 1 from governance.review_round where id = $1 and state <> 'open'"


@dataclass(frozen=True, slots=True)
class Latency:
    """One transport; milliseconds per click, and the load average at the end."""

    transport: str
    reviews: int
    at_once: int
    acknowledged_p50_ms: float
    acknowledged_p99_ms: float
    committed_p50_ms: float
    committed_p99_ms: float
    committed_max_ms: float
    shown_p50_ms: float
    shown_p99_ms: float
    server_cpu_ms: float
    bot_cpu_ms: float
    database_cpu_ms: float
    load: float


@dataclass(frozen=True, slots=True)
class Click:
    """Milliseconds from one click until each of these."""

    acknowledged: float
    committed: float
    shown: float


@dataclass(frozen=True, slots=True)
class Bench:
    """Where everything is."""

    home: Path
    postgres: EmbeddedPostgres
    server: str
    tokens: Mapping[str, str]
    repo: Path | None = None
    is_committed: bool = False


async def measure(
    home: Path,
    transports: Sequence[str],
    n_reviews: int,
    at_once: int,
    *,
    repo: Path | None = None,
    is_committed: bool = False,
) -> list[Latency]:
    """Every transport, each with a bot and reviews of its own."""
    postgres = EmbeddedPostgres(home / "postgres")
    await asyncio.to_thread(postgres.start)
    try:
        settings = Settings(home=home, database_url=postgres.dsn, plugins=("governance",))
        tokens = await _prepare(settings)
        server = f"http://127.0.0.1:{_free_port()}"
        bench = Bench(home, postgres, server, tokens, repo, is_committed)
        async with _serving(bench) as pid:
            return [
                await _measure(bench, pid, transport, n_reviews, at_once)
                for transport in transports
            ]
    finally:
        await asyncio.to_thread(postgres.stop)


async def _prepare(settings: Settings) -> dict[str, str]:
    """Migrate, name the reviewer, and give everybody a token."""
    roles = {"planner": Role.PLANNER, "worker": Role.WORKER, "bot": Role.BOT}
    async with open_kernel(settings) as kernel:
        admin = await caller_as(kernel, Role.ADMIN)
        await admin.ok("set_person", name="ada", email=REVIEWER.email, roles=["reviewer"])
        callers = {who: await caller_as(kernel, role) for who, role in roles.items()}
        return {who: str(caller.token) for who, caller in callers.items()}


async def _measure(
    bench: Bench, server: int, transport: str, n_reviews: int, at_once: int
) -> Latency:
    async with (
        SlackEmulator(users=[REVIEWER]) as slack,
        _bot(bench, slack, transport) as bot,
        _connection(bench) as connection,
    ):
        n_all = n_reviews + WARM_UP
        _say(f"{transport}: submitting {n_all} pieces of work")
        await _submit(bench, n_all)
        await slack.wait_until(lambda: len(slack.messages()) == n_all, TIMEOUT_S)
        cards = slack.messages()
        for card in cards[:WARM_UP]:
            await _click(slack, connection, card)
        _say(f"{transport}: {n_reviews} clicks")
        before = _cpu_ms(bench, server, bot)
        clicks = await _click_all(bench, slack, cards[WARM_UP:], at_once)
        after = _cpu_ms(bench, server, bot)
    return Latency(
        transport,
        n_reviews,
        at_once,
        *_p50_p99([click.acknowledged for click in clicks]),
        *_p50_p99([click.committed for click in clicks]),
        round(max(click.committed for click in clicks), 1),
        *_p50_p99([click.shown for click in clicks]),
        *_per_click(before, after, n_reviews),
        round(os.getloadavg()[0], 2),
    )


def _cpu_ms(bench: Bench, server: int, bot: int) -> tuple[float, float, float]:
    """CPU so far of the server, of the bot and of PostgreSQL with all its processes."""
    assert bench.postgres.pid is not None
    cpu_s = process_usage.cpu_s
    return cpu_s(server) * 1000, cpu_s(bot) * 1000, cpu_s(bench.postgres.pid) * 1000


def _per_click(
    before: tuple[float, float, float], after: tuple[float, float, float], n: int
) -> tuple[float, float, float]:
    server, bot, database = (
        round((late - early) / n, 1) for late, early in zip(after, before, strict=True)
    )
    return server, bot, database


def _p50_p99(times: Sequence[float]) -> tuple[float, float]:
    return round(statistics.median(times), 1), round(statistics.quantiles(times, n=100)[-1], 1)


async def _click_all(
    bench: Bench, slack: SlackEmulator, cards: Sequence[Message], at_once: int
) -> list[Click]:
    waiting = iter(cards)
    clicks: list[Click] = []

    async def person() -> None:
        async with _connection(bench) as connection:
            for card in waiting:
                clicks.append(await _click(slack, connection, card))

    await asyncio.gather(*(person() for _ in range(at_once)))
    return clicks


async def _click(
    slack: SlackEmulator, connection: asyncpg.Connection[asyncpg.Record], card: Message
) -> Click:
    assert card.metadata is not None
    review = card.metadata["event_payload"]["review"]
    started = time.perf_counter()

    def spent_ms() -> float:
        return (time.perf_counter() - started) * 1000

    async def acknowledged() -> float:
        clicked = await slack.click(card, "approve", user=REVIEWER.id)
        assert clicked.acknowledged, clicked.failure
        return spent_ms()

    async def committed() -> float:
        while True:
            if await connection.fetchval(DECIDED, review) is not None:
                return spent_ms()
            await asyncio.sleep(LOOK_EVERY_S)

    async def shown() -> float:
        await slack.wait_until(lambda: "approve" not in card.buttons, TIMEOUT_S)
        return spent_ms()

    async with asyncio.timeout(TIMEOUT_S):
        return Click(*await asyncio.gather(acknowledged(), committed(), shown()))


async def _submit(bench: Bench, n: int) -> None:
    """So many pieces of work, made and submitted one after the other."""
    async with (
        open_kernel_client(bench.server, bench.tokens["planner"], timeout_s=TIMEOUT_S) as planner,
        open_kernel_client(bench.server, bench.tokens["worker"], timeout_s=TIMEOUT_S) as worker,
    ):
        for _ in range(n):
            await _submit_one(bench, planner, worker)


async def _submit_one(bench: Bench, planner: KernelClient, worker: KernelClient) -> None:
    contract = {**CONTRACT, "review": {"required": True}}
    work: dict[str, Any] = {"title": "Add a cache", "objective": "Be quick", "contract": contract}
    if bench.repo is not None:
        work["repo"] = str(bench.repo)
    order = (await planner.call("create_work_order", work, key=os.urandom(8).hex()))["id"]
    claimed = await worker.call("claim_work_order", {"work_order": order}, key=f"claim-{order}")
    if bench.repo is not None:
        change_worktree(Path(claimed["workspace"]["path"]), is_committed=bench.is_committed)
    done = {"work_order": order, "summary": "It is done"}
    submitted = await worker.call("submit_work_order", done, key=f"submit-{order}")
    assert submitted["state"] == "in_review", submitted


@asynccontextmanager
async def _connection(bench: Bench) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    connection = await asyncpg.connect(bench.postgres.dsn)
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def _serving(bench: Bench) -> AsyncIterator[int]:
    environment = {"AGENTOS_DATABASE_URL": bench.postgres.dsn, "AGENTOS_PLUGINS": "governance"}
    words = ["serve", "--port", bench.server.rpartition(":")[2]]
    async with _process(bench, words, environment, "AgentOS serves MCP at") as (pid, _):
        yield pid


@asynccontextmanager
async def _bot(bench: Bench, slack: SlackEmulator, transport: str) -> AsyncIterator[int]:
    table = {"server": bench.server, "channel": "C1", "api_url": slack.api_url, "mode": transport}
    environment = {
        "AGENTOS_PLUGINS": "bots",
        "AGENTOS_TOKEN": bench.tokens["bot"],
        "AGENTOS_SLACK": json.dumps(table),
        "SLACK_BOT_TOKEN": slack.bot_token,
        "SLACK_APP_TOKEN": slack.app_token,
        "SLACK_SIGNING_SECRET": slack.signing_secret,
    }
    words = ["bot", "slack", "--json", "--port", "0"]
    async with _process(bench, words, environment, '"bot_started"') as (pid, line):
        if transport == "http":
            slack.use_http(f"{json.loads(line)['url']}/slack/events")
        yield pid


@asynccontextmanager
async def _process(
    bench: Bench, words: Sequence[str], environment: Mapping[str, str], ready: str
) -> AsyncIterator[tuple[int, str]]:
    """A process of ours for as long as the block lasts: its pid, and the line that it was ready."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AGENTOS_", "SLACK_"))}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "agentos", *words),
        env={**kept, "AGENTOS_HOME": str(bench.home), **environment},
        stdin=DEVNULL,
        stdout=DEVNULL,
        stderr=PIPE,
    )
    draining: asyncio.Task[bytes] | None = None
    try:
        async with asyncio.timeout(TIMEOUT_S):
            line = await _line_with(process, ready)
        # Its log must not fill the pipe.
        assert process.stderr is not None
        draining = asyncio.create_task(process.stderr.read())
        yield process.pid, line
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        if draining is not None:
            await draining
        await process.wait()


async def _line_with(process: Process, text: str) -> str:
    assert process.stderr is not None
    said: list[str] = []
    while line := (await process.stderr.readline()).decode():
        said.append(line)
        if text in line:
            return line
    raise RuntimeError(f"a process ended before it was ready:\n{''.join(said)}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--reviews", type=int, default=200)
    parser.add_argument("--at-once", type=int, default=1)
    parser.add_argument(
        "--transports", nargs="+", choices=("socket", "http"), default=["socket", "http"]
    )
    parser.add_argument("--worktree", action="store_true")
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--commits", action="store_true")
    parser.add_argument("--bar-ms", type=float, default=BAR_MS)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def main() -> int:
    """Measure and tell; 1 where the bar was missed."""
    options = _options()
    home = Path(tempfile.mkdtemp(prefix="agentos-bench-"))
    # Where this runs as root, the database is another user's.
    home.chmod(0o755)
    try:
        repo = make_repository(home / "repo", options.files) if options.worktree else None
        measuring = measure(
            home,
            options.transports,
            options.reviews,
            options.at_once,
            repo=repo,
            is_committed=options.commits,
        )
        found = asyncio.run(measuring)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    if options.json:
        print(json.dumps([asdict(latency) for latency in found]))
    else:
        for latency in found:
            print(", ".join(f"{name} {value}" for name, value in asdict(latency).items()))
    return int(any(latency.committed_p99_ms > options.bar_ms for latency in found))


if __name__ == "__main__":
    sys.exit(main())
