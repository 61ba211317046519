"""How long the stages of an index run took, by the wall clock, and what CPU time they used.

Above: the indexer, which marks stages, and the benchmark, which prints them.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class StageTime:
    """Seconds of one stage: by the wall clock, and of CPU in this process with all its threads."""

    stage: str
    wall_s: float
    cpu_s: float


@dataclass(slots=True)
class RunTiming:
    """Stages of a run in their order; `child_*` are of its analysis process."""

    started: float = field(default_factory=time.perf_counter)
    stages: list[StageTime] = field(default_factory=list)
    files_ready_s: float | None = None
    graph_ready_s: float | None = None
    child_cpu_s: float = 0.0
    child_peak_bytes: int = 0
    _wall: float = field(default_factory=time.perf_counter)
    _cpu: float = field(default_factory=time.process_time)

    @property
    def elapsed_s(self) -> float:
        """Seconds since the run started."""
        return time.perf_counter() - self.started

    def files_ready(self) -> None:
        """Search finds the new files from now on."""
        self.files_ready_s = round(self.elapsed_s, 4)
        self.end_stage("write files")

    def graph_ready(self) -> None:
        """The graph is written, and seen once the call ends."""
        self.graph_ready_s = round(self.elapsed_s, 4)

    def add_child(self, cpu_s: float, peak_bytes: int) -> None:
        """What a process of the run has used."""
        self.child_cpu_s += cpu_s
        self.child_peak_bytes = max(self.child_peak_bytes, peak_bytes)

    def end_stage(self, stage: str) -> None:
        """What has passed since the last stage ended belongs to `stage`."""
        wall, cpu = time.perf_counter(), time.process_time()
        self.stages.append(StageTime(stage, round(wall - self._wall, 4), round(cpu - self._cpu, 4)))
        self._wall, self._cpu = wall, cpu
