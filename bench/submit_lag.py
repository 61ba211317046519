"""How long work takes to submit, and for how long that keeps a server from anything else.

    python -m bench.submit_lag [--files 200] [--functions 20] [--small 20] [--model]
                               [--bar-ms 100] [--json]

A kernel runs in this process on an embedded PostgreSQL, with the checks of the gatekeeper; what
is submitted are worktrees of a repository of 2 x `--files` Python files, of which one file, and then
`--files` files, were changed. With `--model` a model reviews each, which is a double on the loopback
interface, and files are rewritten to the last line. Lag is by how much a task that sleeps 5 ms
oversleeps: what every other caller of the server waits besides. Exit code 1 where the greatest is over
the bar. Linux and macOS.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from agentos import Role, Settings, open_kernel
from agentos.database.embedded import EmbeddedPostgres
from agentos.testing import Caller, HttpDouble, ReceivedRequest, caller_as
from agentos.testing.http_double import _Answer

BAR_MS = 100.0
SLEEP_S = 0.005
CONTRACT: Mapping[str, Any] = {
    "allowed_roots": ["."],
    "allowed_tools": ["*"],
    "cost_budget_usd": "1.00",
    "review": {"required": True},
}


@dataclass(frozen=True, slots=True)
class Submission:
    """Milliseconds; of several submissions the median, and the greatest lag of all."""

    changed_files: int
    submissions: int
    took_ms: float
    lag_ms: float
    load: float


@dataclass(frozen=True, slots=True)
class Load:
    """What is submitted."""

    n_files: int
    n_functions: int
    n_small: int
    with_model: bool


class Judge(HttpDouble):
    """A model that finds nothing, in the form that it is asked for."""

    def _next(self, request: ReceivedRequest) -> _Answer:
        prompt = request.json()["messages"][1]["content"]
        said = {"token": prompt.rpartition(" ")[2].rstrip("."), "findings": []}
        message = {"role": "assistant", "content": json.dumps(said), "refusal": None}
        answer = {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1_760_000_000,
            "model": "judge-1",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 20, "completion_tokens": 5, "total_tokens": 25},
        }
        headers = {"content-type": "application/json"}
        return _Answer(200, json.dumps(answer).encode(), headers, 0.0, False)


@dataclass(slots=True)
class Lag:
    """The most that the loop was late while it was watched."""

    worst_ms: float = 0.0


@asynccontextmanager
async def watched_lag() -> AsyncIterator[Lag]:
    """Look at the loop while the block runs."""
    lag = Lag()

    async def watch() -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(SLEEP_S)
            late_ms = (time.perf_counter() - began - SLEEP_S) * 1000
            lag.worst_ms = max(lag.worst_ms, late_ms)

    task = asyncio.create_task(watch())
    try:
        yield lag
    finally:
        task.cancel()


async def measure(home: Path, load: Load) -> list[Submission]:
    """Small submissions, and one large one."""
    repo = _make_repository(home / "repo", load)
    postgres = EmbeddedPostgres(home / "postgres")
    await asyncio.to_thread(postgres.start)
    try:
        async with Judge() as judge, open_kernel(_settings(home, postgres, judge, load)) as kernel:
            planner = await caller_as(kernel, Role.PLANNER)
            worker = await caller_as(kernel, Role.WORKER)
            # The first one finds nothing loaded and no plan of a query.
            await _submit(planner, worker, repo, load, 1)
            small = [await _submit(planner, worker, repo, load, 1) for _ in range(load.n_small)]
            large = await _submit(planner, worker, repo, load, load.n_files)
            asked = len(judge.requests)
            assert asked == (load.n_small + 2 if load.with_model else 0), asked
    finally:
        await asyncio.to_thread(postgres.stop)
    return [_summed(1, small), _summed(2 * load.n_files, [large])]


def _settings(home: Path, postgres: EmbeddedPostgres, judge: Judge, load: Load) -> Settings:
    settings = Settings(home=home, database_url=postgres.dsn, plugins=("governance",))
    if not load.with_model:
        return settings
    asked: dict[str, Any] = {"url": f"{judge.url}/v1", "model": "judge-1", "max_retries": 0}
    # What it costs is not measured here, and must not stop it.
    asked["prices"] = {"input": "0", "output": "0"}
    chosen = {"plugins": ("governance", "fabric"), "fabric": {"completer": asked}}
    return settings.model_copy(update=chosen)


def _summed(n_files: int, found: list[tuple[float, float]]) -> Submission:
    took, lags = zip(*found, strict=True)
    load = round(os.getloadavg()[0], 2)
    median = round(statistics.median(took), 1)
    return Submission(n_files, len(found), median, round(max(lags), 1), load)


async def _submit(
    planner: Caller, worker: Caller, repo: Path, load: Load, n: int
) -> tuple[float, float]:
    made = await planner.ok(
        "create_work_order",
        title="Round prices",
        objective="Prices are rounded",
        contract=CONTRACT,
        repo=str(repo),
    )
    claimed = await worker.ok("claim_work_order", work_order=made["id"])
    workspace = Path(claimed["workspace"]["path"])
    for number in range(n):
        for path in (f"src/prices_{number}.py", f"tests/test_prices_{number}.py"):
            if n > 1 or path.startswith("src/"):
                _change(workspace / path, rewrites=load.with_model)
    async with watched_lag() as lag:
        began = time.perf_counter()
        answer = await worker.ok(
            "submit_work_order", work_order=made["id"], summary="Prices are rounded now"
        )
        took_ms = (time.perf_counter() - began) * 1000
    assert answer["state"] == "in_review", answer
    return took_ms, lag.worst_ms


def _change(path: Path, *, rewrites: bool) -> None:
    text = path.read_text().replace("# Prices", "# Prices, rounded") + "\n\nROUNDED = True\n"
    if rewrites:
        # Other lines everywhere, as a formatter leaves them: what is slowest to compare.
        text = text.replace("int", "Whole").replace("    ", "  ")
        text += "\n\nWhole = int\n"
    path.write_text(text)


def _make_repository(repo: Path, load: Load) -> Path:
    for folder in ("src", "tests"):
        (repo / folder).mkdir(parents=True)
    for number in range(load.n_files):
        product, tests = _product(number, load.n_functions), _tests(number, load.n_functions)
        (repo / f"src/prices_{number}.py").write_text(product)
        (repo / f"tests/test_prices_{number}.py").write_text(tests)
    for words in (
        ["init", "--quiet", "--initial-branch=main"],
        ["add", "--all"],
        ["-c", "user.name=b", "-c", "user.email=b@example.com", "commit", "--quiet", "-m", "base"],
    ):
        subprocess.run(["git", *words], cwd=repo, check=True)
    return repo


def _product(number: int, n_functions: int) -> str:
    functions = "".join(
        f"\n\ndef price_{number}_{each}(weight: int) -> int:\n"
        f'    """The price."""\n    if weight < {each}:\n        return {each}\n'
        f"    return weight * {number} + {each}\n"
        for each in range(n_functions)
    )
    return f"# Prices\nimport math{functions}"


def _tests(number: int, n_functions: int) -> str:
    functions = "".join(
        f"\n\ndef test_price_{number}_{each}() -> None:\n"
        f"    assert prices.price_{number}_{each}(100) == {100 * number + each}\n"
        for each in range(n_functions)
    )
    return f"# Prices\nfrom src import prices_{number} as prices{functions}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--functions", type=int, default=20, help="In each file")
    parser.add_argument("--model", action="store_true", help="A model reviews as well")
    parser.add_argument("--small", type=int, default=20)
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
        load = Load(options.files // 2, options.functions, options.small, options.model)
        found = asyncio.run(measure(home, load))
    finally:
        shutil.rmtree(home, ignore_errors=True)
    if options.json:
        print(json.dumps([asdict(each) for each in found]))
    else:
        for each in found:
            print(", ".join(f"{name} {value}" for name, value in asdict(each).items()))
    return int(any(each.lag_ms > options.bar_ms for each in found))


if __name__ == "__main__":
    sys.exit(main())
