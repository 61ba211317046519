"""How long one hook takes as a whole process: `python -m bench.hook_latency`.

Idle (nothing active) and against a server that judges; both are what a client waits for. Prints
milliseconds, and the CPU time that a busy machine does not change. `--agentos FILE` measures another installation's script, such as a wheel's.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROUNDS = 60
CONTRACT = {
    "allowed_roots": ["src/"],
    "allowed_tools": ["*"],
    "forbidden_actions": ["git push*"],
    "cost_budget_usd": "1.00",
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agentos", default=Path(sys.executable).with_name("agentos"))
    parser.add_argument("--server", help="The script of the server, where it is another one.")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    script = str(Path(options.agentos).absolute())
    with tempfile.TemporaryDirectory(prefix="agentos-hooks-") as folder:
        Path(folder).chmod(0o755)
        home = Path(folder) / "home"
        environment = {**os.environ, "AGENTOS_HOME": str(home), "AGENTOS_WORKER": "bench"}
        bare = [sys.executable, "-I", "-c", "pass"]
        _report("python itself", _measure(bare, b"", options.rounds, environment))
        event = _event(folder)
        _report(
            "hook, idle", _measure([script, "hook", "codex"], event, options.rounds, environment)
        )
        server = str(Path(options.server or script).absolute())
        _against_server(script, server, Path(folder), environment, options.rounds)


def _against_server(
    script: str, serving: str, folder: Path, environment: dict[str, str], rounds: int
) -> None:
    repo = folder / "repo"
    repo.mkdir()
    (repo / "a").write_text("a")
    for arguments in (["init", "-q"], ["add", "a"], ["commit", "-qm", "a"]):
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        subprocess.run(["git", *identity, *arguments], cwd=repo, check=True)
    server = subprocess.Popen(
        [serving, "serve", "--port", "0"], env=environment, stderr=subprocess.PIPE
    )
    try:
        assert server.stderr is not None
        while b"AgentOS serves" not in server.stderr.readline():
            if server.poll() is not None:
                raise SystemExit("the server did not start")
        made = {"title": "Bench", "objective": "Bench", "repo": str(repo), "contract": CONTRACT}
        planner = {**environment, "AGENTOS_WORKER": "planner", "AGENTOS_ROLE": "planner"}
        order = _call(serving, planner, "create_work_order", made)["id"]
        worker = {**environment, "AGENTOS_ROLE": "worker"}
        claim = _call(serving, worker, "claim_work_order", {"work_order": order})
        event = _event(claim["workspace"]["path"])
        command = [script, "hook", "codex"]
        _report("hook, judged", _measure(command, event, rounds, environment))
    finally:
        server.terminate()
        server.communicate()


def _call(
    script: str, environment: dict[str, str], tool: str, arguments: dict[str, Any]
) -> dict[str, Any]:
    done = subprocess.run(
        [script, "call", tool, "--json", "--args", json.dumps(arguments)],
        env=environment,
        capture_output=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _event(cwd: str) -> bytes:
    return json.dumps(
        {
            "hook_event_name": "PreToolUse",
            "session_id": "bench",
            "cwd": cwd,
            "tool_name": "Bash",
            "tool_input": {"command": "git status --short && ls src"},
        }
    ).encode()


def _measure(
    command: list[str], event: bytes, rounds: int, environment: dict[str, str]
) -> list[float]:
    taken = []
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    for _ in range(rounds):
        start = time.perf_counter()
        done = subprocess.run(
            command, input=event, env=environment, capture_output=True, check=False
        )
        taken.append((time.perf_counter() - start) * 1e3)
        if done.returncode or done.stdout or done.stderr:
            raise SystemExit(f"{command} said {done.stdout!r} {done.stderr!r}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"CPU of one process: {cpu_s / rounds * 1e3:.1f} ms; ", end="")
    return taken


def _report(name: str, taken: list[float]) -> None:
    taken.sort()
    p95 = taken[int(len(taken) * 0.95)]
    print(f"{name}: p50 {statistics.median(taken):.1f} ms, p95 {p95:.1f} ms, min {taken[0]:.1f} ms")


if __name__ == "__main__":
    main()
