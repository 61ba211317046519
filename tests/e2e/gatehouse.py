"""Three servers on one database and two bots between them and an emulated Slack, all processes.

Each bot talks to one of the servers; work is made and submitted through whichever server answers.
Nothing runs in the process of the test but Slack and its people.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentos import Role, Settings, UnavailableError, open_kernel
from agentos.testing import caller_as
from agentos.testing.slack import SlackEmulator, SlackUser
from agentos_bots.slack.kernel_client import KernelClient, open_kernel_client
from tests.e2e.programs import Program

SERVERS, BOTS = 3, 2
REVIEWERS = ("ada", "ben", "cleo")
WORKERS = ("w1", "w2")
CONTRACT: Mapping[str, Any] = {
    "allowed_roots": ["src/"],
    "allowed_tools": ["*"],
    "cost_budget_usd": "1.00",
}
# Impatient, so that what a killed bot held is another's within seconds.
BOT: Mapping[str, Any] = {
    "retry_min_s": 0.1,
    "retry_max_s": 0.5,
    "ping_every_s": 1.0,
    "post_lease_s": 3,
    "call_timeout_s": 8.0,
    "shutdown_timeout_s": 3.0,
}


def users() -> list[SlackUser]:
    """The reviewers as Slack knows them."""
    return [SlackUser(slack_id(name), name, f"{name}@example.com") for name in REVIEWERS]


def slack_id(name: str) -> str:
    """A reviewer's id in Slack."""
    return f"U{name.upper()}"


@dataclass
class Gatehouse:
    """The processes, and clients of the servers as a planner and as workers."""

    settings: Settings
    servers: list[Program]
    bots: list[Program]
    clients: Mapping[str, list[KernelClient]]

    @property
    def programs(self) -> list[Program]:
        """All that can be killed."""
        return [*self.servers, *self.bots]

    async def call(self, who: str, tool: str, key: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool once, through whichever server answers first."""
        while True:
            client = random.choice(self.clients[who])
            try:
                return await client.call(tool, arguments, key=key)
            except UnavailableError:
                await asyncio.sleep(0.05)

    async def submit(self, number: int, quorum: int) -> str:
        """Have a worker do and submit one piece of work; the work order."""
        worker, title = WORKERS[number % len(WORKERS)], f"Change {number}"
        contract = {**CONTRACT, "review": {"required": True, "quorum": quorum}}
        made = await self.call(
            "planner",
            "create_work_order",
            f"create-{number}",
            title=title,
            objective="survive",
            contract=contract,
        )
        order = str(made["id"])
        await self.call(worker, "claim_work_order", f"claim-{number}", work_order=order)
        submitted = await self.call(
            worker,
            "submit_work_order",
            f"submit-{number}",
            work_order=order,
            summary="It is done",
        )
        assert submitted["state"] == "in_review", submitted
        return order


@asynccontextmanager
async def open_gatehouse(
    settings: Settings, folder: Path, slack: SlackEmulator
) -> AsyncIterator[Gatehouse]:
    """Everything started, and stopped at the end."""
    governed = settings.model_copy(update={"plugins": ("governance",), "home": folder})
    tokens = await _prepare(governed)
    servers = [_server(number, governed, folder) for number in range(SERVERS)]
    async with AsyncExitStack() as stack:
        urls = await asyncio.gather(*(_serve(stack, server) for server in servers))
        bots = [
            _bot(number, urls[number % len(urls)], tokens["bot"], folder, slack)
            for number in range(BOTS)
        ]
        await asyncio.gather(*(_start(stack, bot) for bot in bots))
        clients = {
            who: [
                await stack.enter_async_context(open_kernel_client(url, token, timeout_s=5.0))
                for url in urls
            ]
            for who, token in tokens.items()
        }
        yield Gatehouse(governed, servers, bots, clients)


async def _prepare(settings: Settings) -> dict[str, str]:
    """Migrate, name the reviewers, and give everybody a token."""
    roles = {"planner": Role.PLANNER, "bot": Role.BOT, **dict.fromkeys(WORKERS, Role.WORKER)}
    async with open_kernel(settings) as kernel:
        admin = await caller_as(kernel, Role.ADMIN)
        for name in REVIEWERS:
            await admin.ok("set_person", name=name, email=f"{name}@example.com", roles=["reviewer"])
        callers = {who: await caller_as(kernel, role, name=who) for who, role in roles.items()}
        return {who: str(caller.token) for who, caller in callers.items()}


def _server(number: int, settings: Settings, folder: Path) -> Program:
    environment = {
        "AGENTOS_HOME": str(folder),
        "AGENTOS_DATABASE_URL": str(settings.database_url),
        "AGENTOS_PLUGINS": "governance",
        "AGENTOS_DATABASE_POOL_SIZE": "4",
    }
    ready = r"AgentOS serves MCP at (?P<url>http://127\.0\.0\.1:(?P<port>\d+))/mcp"
    return Program(f"server {number}", ["serve", "--port", "0"], ready, environment, folder)


def _bot(number: int, url: str, token: str, folder: Path, slack: SlackEmulator) -> Program:
    environment = {
        "AGENTOS_HOME": str(folder),
        # It needs nothing else, and starts in half the time.
        "AGENTOS_PLUGINS": "bots",
        "AGENTOS_TOKEN": token,
        "AGENTOS_SLACK": json.dumps({"api_url": slack.api_url, **BOT}),
        "SLACK_BOT_TOKEN": slack.bot_token,
        "SLACK_APP_TOKEN": slack.app_token,
    }
    words = ["bot", "slack", "--server", url, "--channel", "C1", "--port", "0"]
    return Program(f"bot {number}", words, "bot started", environment, folder)


async def _serve(stack: AsyncExitStack, server: Program) -> str:
    """Start a server; its URL, which it keeps when it is started again."""
    said = await _start(stack, server)
    server.words[-1] = said["port"]
    return str(said["url"])


async def _start(stack: AsyncExitStack, program: Program) -> Any:
    stack.push_async_callback(program.stop)
    return await program.start()
