"""A scripted worker: a persona with a fixed plan, in a process of its own, without a model.

Reads a JSON order from the first line of stdin, speaks MCP to the server, and prints one JSON line for every thing it
did. The first attempt stops half-way and waits to be killed; the second resumes and finishes.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from agentos.demo import plan
from agentos.demo.connection import Caller, RefusedError, connect

SYMBOL_KINDS = ("function", "method", "class", "interface")


async def work(order: dict[str, Any]) -> None:
    """Carry out one order: `analyse`, `begin` (never returns) or `finish`."""
    async with connect(order["url"], order["token"]) as caller:
        claim = await caller.call("claim_work_order", **order["claim"])
        say("claimed", claim=claim)
        worker = Worker(caller, claim, order)
        if order["wait"]:
            await worker.wait_for_go()
        await {"analyse": worker.analyse, "begin": worker.begin, "finish": worker.finish}[
            order["plan"]
        ]()


def say(event: str, **fields: Any) -> None:
    """Tell the demo what happened."""
    print(json.dumps({"event": event, **fields}), flush=True)


class Worker:
    """One claim of one work order."""

    def __init__(self, caller: Caller, claim: dict[str, Any], order: dict[str, Any]) -> None:
        self._caller = caller
        self._order = order
        self._id: str = claim["work_order"]["id"]
        self._root = Path(claim["workspace"]["path"])
        self._packet = json.loads(claim["resume_packet"]["packet"])

    async def wait_for_go(self) -> None:
        """Keep the lease until the demo has compared the resume packet and sends a line."""
        go = asyncio.create_task(asyncio.to_thread(sys.stdin.readline))
        while not go.done():
            await self._caller.call("renew_lease", work_order=self._id)
            await asyncio.wait([go], timeout=1)

    async def analyse(self) -> None:
        """Find out what the change must respect, and record it."""
        trace = await self._look_up()
        subject = plan.subject_of(trace, self._order["files"], self._root)
        body = "\n".join(f"{path}:{line} {why}" for path, line, why in subject.citations[:20])
        await self._caller.call(
            "create_observation",
            title=f"What depends on {subject.name}"[:200],
            body=body or "The repository holds no text to cite.",
            kind="discovery",
            refs=[{"path": p, "start_line": n, "end_line": n} for p, n, _ in subject.citations[:5]],
        )
        await self._record("analysis", f"{subject.name} was traced", content=body or "empty")
        await self._spend("analyse", "trace", 18_400, 900)
        await self._submit("The blast radius is known.")

    async def begin(self) -> None:
        """Work until half-way, try what is not allowed, then wait for the end."""
        subject = await self._subject()
        await self._check("edit inside the roots", {"tool": "Edit", "paths": [plan.NOTE]})
        self._write(plan.NOTE, plan.note_text(subject, is_whole=False))
        outside = self._order["outside"]
        await self._check("edit outside the roots", {"tool": "Edit", "paths": [outside]})
        await self._check("forbidden command", {"tool": "Bash", "command": plan.FORBIDDEN_COMMAND})
        # An agent can ignore the answer: the gates look at the worktree, not at promises.
        self._write(plan.STRAY, "written although nobody allowed it\n")
        await self._record("analysis", f"{subject.name} is what changes", path=plan.NOTE)
        await self._spend("change", "draft", 41_250, 3_120)
        say("half-way")
        await asyncio.Event().wait()

    async def finish(self) -> None:
        """Continue from the resume packet, run the real test, and submit."""
        missing = self._packet["evidence_missing"]
        say("resumed", missing=missing, attempts=len(self._packet["attempts"]))
        subject = await self._subject()
        self._write(plan.NOTE, plan.note_text(subject, is_whole=True))
        self._write(plan.CITATIONS, plan.citations_text(subject, self._root))
        self._write(plan.TEST, plan.test_source())
        await self._check("run the test", {"tool": "Bash", "command": plan.TEST_COMMAND})
        report = await self._run_test()
        await self._record("analysis", f"The note on {subject.name} is whole", path=plan.NOTE)
        await self._record("test_report", "Every citation holds", content=report)
        await self._record("test", "The test that was run", path=plan.TEST)
        await self._spend("change", "finish", 22_900, 2_480)
        if await self._submit("The note and its test are written."):
            return
        (self._root / plan.STRAY).unlink()
        await self._submit("The note and its test are written; the stray file is gone.")

    async def _subject(self) -> plan.Subject:
        trace = await self._look_up()
        return plan.subject_of(trace, self._order["files"], self._root)

    async def _look_up(self) -> dict[str, Any] | None:
        """Search, then trace the hits' callers; the trace with the most callers, if any."""
        found: dict[str, Any] = {"hits": []}
        try:
            found = await self._caller.call(
                "search_code", query=self._order["query"], repo=self._order["repo"], limit=10
            )
        except RefusedError as refusal:
            if refusal.error["code"] != "not_found":
                raise
        symbols = [h["symbol"] for h in found["hits"] if h["kind"] in SYMBOL_KINDS and h["symbol"]]
        traces = [await self._trace(symbol) for symbol in dict.fromkeys(symbols[:5])]
        traced = [trace for trace in traces if trace is not None]
        say("looked-up", query=self._order["query"], hits=len(found["hits"]), traced=len(traced))
        return max(traced, key=lambda trace: len(trace["edges"]), default=None)

    async def _trace(self, symbol: str) -> dict[str, Any] | None:
        try:
            return await self._caller.call(
                "trace_symbol_dependencies",
                symbol=symbol,
                direction="callers",
                depth=2,
                repo=self._order["repo"],
            )
        except RefusedError as refusal:
            if refusal.error["code"] != "not_found":
                raise
            return None

    async def _check(self, what: str, action: dict[str, Any]) -> None:
        verdict = await self._caller.call("check_action", work_order=self._id, action=action)
        say("checked", what=what, action=action, verdict=verdict)

    async def _record(self, kind: str, claim: str, **source: str) -> None:
        recorded = await self._caller.call(
            "record_evidence", work_order=self._id, kind=kind, claim=claim[:2_000], **source
        )
        say("recorded", evidence=recorded["evidence"])

    async def _spend(self, phase: str, action: str, input_tokens: int, output_tokens: int) -> None:
        spent = await self._caller.call(
            "record_usage",
            work_order=self._id,
            phase=phase,
            role=self._order["persona"],
            model=plan.MODEL,
            action=action,
            input_tokens=input_tokens,
            output_tokens=output_tokens,
            cached_input_tokens=input_tokens // 2,
            request_id=f"{self._order['persona']}-{phase}-{action}",
        )
        say("spent", spent=spent)

    async def _submit(self, summary: str) -> bool:
        submitted = await self._caller.call(
            "submit_work_order", work_order=self._id, summary=summary
        )
        say("submitted", submitted=submitted)
        return bool(submitted["state"] != "active")

    async def _run_test(self) -> str:
        """The run's report, as JUnit XML."""
        with tempfile.TemporaryDirectory(prefix="agentos-demo-") as folder:
            report = Path(folder) / "report.xml"
            await self._run_test_into(report)
            return report.read_text(encoding="utf-8")

    async def _run_test_into(self, report: Path) -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-B",
            plan.TEST,
            str(report),
            cwd=self._root,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        say("tested", exit_code=process.returncode, output=output.decode("utf-8", "replace")[-500:])

    def _write(self, path: str, text: str) -> None:
        target = self._root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


def main() -> int:
    """Carry out the order on stdin; 1 and one line on stderr where the server refuses a step."""
    code = 0
    try:
        asyncio.run(work(json.loads(sys.stdin.readline())))
    except* RefusedError as refused:
        print(describe(refused), file=sys.stderr)
        code = 1
    return code


def describe(group: BaseExceptionGroup[RefusedError]) -> str:
    """The first refusal inside the groups that the connection's task groups put around it."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error)


if __name__ == "__main__":
    sys.exit(main())
