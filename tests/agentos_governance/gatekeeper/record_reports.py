"""Runs pytest on every tree that a case says was tested, and keeps the reports as data.

    python -m tests.agentos_governance.gatekeeper.record_reports [FILE_WITH_OTHER_CASES]

Run it after a change of a case; reports of trees that no case has any more are removed. Those of a
Python file with CHEATS and HONEST lie in the folder `reports` beside it.
"""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.agentos_governance.gatekeeper.corpus import CHEATS, HONEST, MORE_CHEATS, MORE_HONEST
from tests.agentos_governance.gatekeeper.form import Case, Change, Elsewhere, Step, Tested, Tree
from tests.agentos_governance.gatekeeper.junit import REPORTS
from tests.agentos_governance.gatekeeper.trees import apply_change, digest_of_tree, plant

_VOLATILE = (
    (re.compile(r'\btime="[^"]*"'), 'time="0.002"'),
    (re.compile(r'hostname="[^"]*"'), 'hostname="worker"'),
    (re.compile(r"(?<=>)/[^<]*/site-packages/"), "site-packages/"),
    (re.compile(r'timestamp="[^"]*"'), 'timestamp="2026-01-01T00:00:00.000000+00:00"'),
)


def record(cases: Sequence[Case], reports: Path) -> None:
    """Fill the folder with the reports of these cases, and of no others."""
    reports.mkdir(exist_ok=True)
    wanted: set[str] = set()
    with tempfile.TemporaryDirectory(prefix="agentos-reports-") as folder:
        for number, case in enumerate(cases):
            wanted |= _play(case.base, case.steps, Path(folder, str(number)), reports)
    for file in reports.glob("*.xml"):
        if file.stem not in wanted:
            file.unlink()


def _play(base: Tree, steps: Sequence[Step], folder: Path, reports: Path) -> set[str]:
    plant(folder, base)
    used: set[str] = set()
    for step in steps:
        if isinstance(step, Change):
            apply_change(folder, step)
        elif isinstance(step, Elsewhere):
            used |= _play(base, step.steps, folder.with_name(f"{folder.name}-other"), reports)
        elif isinstance(step, Tested):
            digest = digest_of_tree(folder, *step.selected)
            if digest not in used and not (reports / f"{digest}.xml").exists():
                (reports / f"{digest}.xml").write_text(_run(folder, step.selected), "utf-8")
            used.add(digest)
    return used


def _run(folder: Path, selected: Sequence[str]) -> str:
    """The report of a run; whether tests fail is the report's to say."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PYTEST")},
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    environment.pop("PYTHONPATH", None)
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:agentos", "--junitxml=build/junit.xml"]
    subprocess.run(
        [sys.executable, "-m", "pytest", *options, *selected],
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        check=False,
        timeout=60,
    )
    text = (folder / "build" / "junit.xml").read_text("utf-8").replace(f"{folder}/", "")
    for pattern, fixed in _VOLATILE:
        text = pattern.sub(fixed, text)
    return text


def read_cases(file: Path) -> list[Case]:
    """The cases of a Python file with CHEATS and HONEST."""
    found = runpy.run_path(str(file))
    return [*found["CHEATS"], *found["HONEST"]]


if __name__ == "__main__":
    if len(sys.argv) > 1:
        record(read_cases(Path(sys.argv[1])), Path(sys.argv[1]).with_name("reports"))
    else:
        record([*CHEATS, *HONEST, *MORE_CHEATS, *MORE_HONEST], REPORTS)
