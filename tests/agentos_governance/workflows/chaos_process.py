"""Servers, workers, a reviewer and a holder that a test may kill at any moment.

    python -m tests.agentos_governance.workflows.chaos_process < orders

Reads one JSON object a line and forks a process for each, so that the imports are paid once; prints
its process id. A worker writes a line to the log for every answer it got: what is in the log was
acknowledged.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
from pathlib import Path
from typing import Any

import httpx

import agentos_governance.plugin  # noqa: F401 - before the fork, so that no child imports it again
from agentos import CallRequest, Credentials, Settings, open_kernel
from agentos.logging import configure_logging
from agentos.testing import serve_http
from tests.agentos.mcp.edge import modern_call
from tests.agentos_governance.workflows.chaos_plugin import chaos_plugin

N_RECORDS = 10


async def serve(job: dict[str, Any]) -> None:
    """Serve MCP until killed; the address is in a file named after the process."""
    configure_logging("critical")
    settings = Settings(
        home=Path(job["home"]),
        database_url=job["database_url"],
        database_pool_size=6,
        plugins=("governance",),
        require_token=True,
    )
    plugins = {"chaos": chaos_plugin(Path(job["folder"]))}
    async with open_kernel(settings, extra_plugins=plugins) as kernel, serve_http(kernel) as url:
        _announce(Path(job["folder"], f"{os.getpid()}.part"), url)
        await asyncio.Event().wait()


def _announce(part: Path, url: str) -> None:
    part.write_text(url)
    part.rename(part.with_suffix(".url"))


class Client:
    """A principal that repeats a call, under the same key, until some server answers it."""

    def __init__(self, job: dict[str, Any]) -> None:
        self.name: str = job["name"]
        self._folder = Path(job["folder"])
        self._token: str = job["token"]
        self._random = random.Random(job["seed"])
        self._log = os.open(self._folder / "log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    async def call(
        self, tool: str, arguments: dict[str, Any], key: str | None = None
    ) -> dict[str, Any]:
        """The structured answer, an error's too."""
        meta = {} if key is None else {"agentos/idempotency_key": key}
        body, headers = modern_call(tool, arguments, meta)
        headers["authorization"] = f"Bearer {self._token}"
        while True:
            url = self._server()
            try:
                async with httpx.AsyncClient(timeout=10) as http:
                    response = await http.post(f"{url}/mcp", json=body, headers=headers)
            except httpx.HTTPError:
                await asyncio.sleep(0.02)
                continue
            answer: dict[str, Any] = response.json()["result"]["structuredContent"]
            if answer.get("error", {}).get("code") != "unavailable":
                return answer

    def acknowledge(self, **line: Any) -> None:
        """Say what was answered, in one write."""
        os.write(self._log, (json.dumps({"who": self.name, **line}) + "\n").encode())

    def _server(self) -> str:
        found = list(self._folder.glob("*.url"))
        if not found:
            return "http://127.0.0.1:9"
        try:
            return self._random.choice(found).read_text()
        except FileNotFoundError:
            return "http://127.0.0.1:9"


async def work(job: dict[str, Any]) -> None:
    """Claim, go on from the resume packet, record, submit; for ever."""
    client = Client(job)
    while True:
        claim = await client.call("claim_work_order", {})
        if "error" in claim:
            await asyncio.sleep(0.1)
            continue
        order = claim["work_order"]["id"]
        client.acknowledge(claimed=order, epoch=claim["lease"]["epoch"])
        await _carry_out(client, order, claim)


async def _carry_out(client: Client, order: str, claim: dict[str, Any]) -> None:
    packet = json.loads(claim["resume_packet"]["packet"])
    done = {evidence["claim"] for evidence in packet["evidence"]}
    for number in range(N_RECORDS):
        step = f"step {number}"
        if step in done:
            continue
        answer = await client.call(
            "record_evidence",
            {"work_order": order, "kind": "note", "claim": step, "content": f"{order} {step}"},
            key=f"{order}/{number}",
        )
        if "error" in answer:
            client.acknowledge(refused=order, code=answer["error"]["code"])
            return
        client.acknowledge(recorded=order, step=number, evidence=answer["evidence"]["id"])
    key = f"{order}/submit/{claim['lease']['epoch']}"
    answer = await client.call(
        "submit_work_order", {"work_order": order, "summary": "It is done"}, key
    )
    if "error" not in answer and answer["packet_sha256"]:
        client.acknowledge(submitted=order, packet=answer["packet_sha256"])


async def review(job: dict[str, Any]) -> None:
    """Approve what is in review; for ever."""
    client = Client(job)
    while True:
        listed = await client.call("list_work_orders", {"state": "in_review"})
        for order in listed.get("work_orders", []):
            vote = {
                "work_order": order["id"],
                "packet_sha256": order["packet_sha256"],
                "verdict": "approve",
                "reason": "I looked",
            }
            answer = await client.call("review_work_order", vote, f"{order['id']}/vote")
            if "error" not in answer:
                client.acknowledge(voted=order["id"])
        await asyncio.sleep(0.2)


async def hold(job: dict[str, Any]) -> None:
    """Claim one work order and record one step, as server and worker in one; then hang."""
    client = Client(job)
    settings = Settings(
        home=Path(job["home"]), database_url=job["database_url"], plugins=("governance",)
    )
    credentials = Credentials(bearer_token=job["token"])
    async with open_kernel(settings) as kernel:
        for tool, arguments in (
            ("claim_work_order", {"work_order": job["order"]}),
            (
                "record_evidence",
                {"work_order": job["order"], "kind": "note", "claim": "step 0", "content": "0"},
            ),
        ):
            result = await kernel.dispatch(CallRequest(tool, arguments, credentials, "test"))
            client.acknowledge(tool=tool, answer=dict(result.structured))
        await asyncio.Event().wait()


ROLES = {"server": serve, "worker": work, "reviewer": review, "holder": hold}


def main() -> None:
    """Fork what is asked for, until standard input ends; then end what is left."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps
    children = []
    for line in sys.stdin:
        job = json.loads(line)
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            asyncio.run(ROLES[job["role"]](job))
            os._exit(0)
        children.append(child)
        print(child, flush=True)


if __name__ == "__main__":
    main()
