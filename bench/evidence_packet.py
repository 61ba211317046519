"""Time and memory of one work order with thousands of evidence files: recorded, gated, verified.

    python bench/evidence_packet.py [--files 8438] [--few 1000] [--size 2000] [--json]

A git repository is made with the files as new, each different; one call records them, one submits,
the packet is verified offline. It is done twice, each time in a process of its own: with few files
and with all. What memory grows by is the difference of the two peaks of resident memory, which the
system counts; the database is another process. Exit code 1 where it takes more than 60 s or grows by
more than 2,000 bytes a file.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from agentos import CallRequest, Credentials, Kernel, Role, Settings, open_kernel
from agentos_governance.evidence.packet_verification import verify_packet
from agentos_governance.tools import evidence as evidence_tools

MAX_SECONDS = 60
MAX_BYTES_A_FILE = 2_000


async def measure(home: Path, n_files: int, size: int, database_url: str | None) -> dict[str, Any]:
    """Seconds of each step, and the process's peak of resident memory in it, in MiB."""
    # The limit of a work order is not what is measured.
    evidence_tools.MAX_FILES = max(evidence_tools.MAX_FILES, n_files)
    repo = await asyncio.to_thread(_make_repository, home / "repo")
    settings = Settings(
        home=home / "home", plugins=("governance",), worker="bench", database_url=database_url
    )
    figures: dict[str, Any] = {"files": n_files, "file_bytes": size}
    async with open_kernel(settings) as kernel:
        caller = _Caller(kernel)
        await caller.join()
        order, workspace = await caller.claim(repo)
        await asyncio.to_thread(_make_files, workspace / "src" / "reports", n_files, size)
        figures["before_mib"] = _peak_mib()
        _forget_peak()
        started = time.perf_counter()
        await caller.call(
            "worker",
            "record_evidence_files",
            work_order=order,
            kind="log",
            claim="The program wrote it",
            folder="src/reports",
        )
        recorded = time.perf_counter()
        figures["recorded_peak_mib"] = _peak_mib()
        _forget_peak()
        submitted = await caller.call(
            "worker", "submit_work_order", work_order=order, summary="All files are there"
        )
        assert submitted["state"] == "in_review", submitted
        gated = time.perf_counter()
        figures["gated_and_packed_peak_mib"] = _peak_mib()
        _forget_peak()
        outcome = await asyncio.to_thread(verify_packet, settings.home / "evidence" / order)
        assert outcome.ok and outcome.claims == n_files, outcome.problems
        verified = time.perf_counter()
        figures["verified_peak_mib"] = _peak_mib()
    figures |= {
        "recorded_s": round(recorded - started, 2),
        "gated_and_packed_s": round(gated - recorded, 2),
        "verified_s": round(verified - gated, 2),
        "total_s": round(verified - started, 2),
    }
    return figures


class _Caller:
    """A planner and a worker of one kernel."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._tokens: dict[str, str] = {}

    async def join(self) -> None:
        for role in (Role.PLANNER, Role.WORKER):
            token = await self._kernel.tokens.create(role.value, role, now=self._kernel.clock.now())
            self._tokens[role.value] = token.secret

    async def claim(self, repo: Path) -> tuple[str, Path]:
        """A claimed work order and its workspace."""
        contract = {"allowed_roots": ["src/"], "allowed_tools": ["*"], "lease_ttl_s": 600}
        order = await self.call(
            "planner",
            "create_work_order",
            title="Many files",
            objective="Keep every report",
            repo=str(repo),
            contract=contract,
        )
        claim = await self.call("worker", "claim_work_order", work_order=order["id"])
        return order["id"], Path(claim["workspace"]["path"])

    async def call(self, who: str, tool: str, **arguments: Any) -> dict[str, Any]:
        """What a call that must succeed answers."""
        credentials = Credentials(bearer_token=self._tokens[who])
        result = await self._kernel.dispatch(CallRequest(tool, arguments, credentials, "bench"))
        assert not result.is_error, result.text
        return dict(result.structured)


def _make_repository(folder: Path) -> Path:
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "app.py").write_text("print('hello')\n", "utf-8")
    identity = ["-c", "user.name=bench", "-c", "user.email=bench@example.org"]
    for command in (["init", "-q"], ["add", "-A"], [*identity, "commit", "-qm", "First"]):
        subprocess.run(["git", "-C", str(folder), *command], check=True)
    return folder


def _make_files(folder: Path, n_files: int, size: int) -> None:
    for number in range(n_files):
        path = folder / f"{number % 100:02}" / f"report{number}.log"
        path.parent.mkdir(parents=True, exist_ok=True)
        line = f"report {number}: everything went well\n"
        path.write_text(line * max(1, size // len(line)), "utf-8")


def _peak_mib() -> float:
    """Resident memory at its highest since it was last forgotten. Source: proc(5), VmHWM."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    [peak] = [line for line in lines if line.startswith("VmHWM:")]
    return round(int(peak.split()[1]) / 1024, 1)


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5", "ascii")


def _in_own_process(n_files: int, size: int) -> dict[str, Any]:
    """The figures of a fresh process: memory that one run let go of would hide another's."""
    command = [sys.executable, __file__, "--alone", "--files", str(n_files), "--size", str(size)]
    outcome = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    figures: dict[str, Any] = json.loads(outcome.stdout.splitlines()[-1])
    return figures


def compare(few: int, many: int, size: int) -> dict[str, Any]:
    """The figures for many files, and by how many bytes a file each peak exceeds that for few."""
    small, large = _in_own_process(few, size), _in_own_process(many, size)
    peaks = [name for name in large if name.endswith("_peak_mib")]
    for name in peaks:
        step = name.removesuffix("_peak_mib")
        grown = (large[name] - small[name]) * 2**20 / (many - few)
        large[f"{step}_bytes_a_file"] = round(grown)
    highest = max(large[name] for name in peaks) - max(small[name] for name in peaks)
    return {
        **large,
        "few": small,
        "growth_mib": round(highest, 1),
        "bytes_a_file": round(highest * 2**20 / (many - few)),
    }


def main() -> int:
    """Measure and print; 1 where it takes longer than the bar."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=8438)
    parser.add_argument("--few", type=int, default=1000, help="files to compare the memory with")
    parser.add_argument("--size", type=int, default=2000, help="bytes a file")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    parser.add_argument("--alone", action="store_true", help="one run, in this process")
    chosen = parser.parse_args()
    if chosen.alone:
        with tempfile.TemporaryDirectory(prefix="agentos-bench-") as home:
            url = os.environ.get("AGENTOS_DATABASE_URL")
            figures = asyncio.run(measure(Path(home), chosen.files, chosen.size, url))
        print(json.dumps(figures))
        return 0
    figures = compare(chosen.few, chosen.files, chosen.size)
    if chosen.json:
        print(json.dumps(figures))
    else:
        print("\n".join(f"{name}: {value}" for name, value in figures.items()))
    return int(figures["total_s"] > MAX_SECONDS or figures["bytes_a_file"] > MAX_BYTES_A_FILE)


if __name__ == "__main__":
    sys.exit(main())
