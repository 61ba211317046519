"""`thresholds_kept`: no coverage, lint, type or test setting asks for less, and no checker looks away.

Above: the registry. Below: checker_settings and loosened_settings for files of settings, loosened_lines for pipelines and tests, suppressions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

from agentos import Finding, ReviewedFile
from agentos_governance.gatekeeper.checks.thresholds.loosened_lines import loosened_lines
from agentos_governance.gatekeeper.checks.thresholds.loosened_settings import loosened_settings
from agentos_governance.gatekeeper.checks.thresholds.narrowed_pipelines import narrowed_pipelines
from agentos_governance.gatekeeper.checks.thresholds.suppressions import new_suppressions
from agentos_governance.gatekeeper.files.added_lines import added_lines
from agentos_governance.gatekeeper.files.checker_settings import (
    Value,
    checker_settings,
    is_checker_settings,
)
from agentos_governance.gatekeeper.files.naming import is_code
from agentos_governance.gatekeeper.work import Work

CHECK = "thresholds_kept"


async def thresholds_kept(work: Work) -> list[Finding]:
    """See the module."""
    code = [path for path in work.submitted_paths if is_code(path)]
    return await asyncio.to_thread(lambda: list(_findings(work.files, code)))


def _findings(files: Sequence[ReviewedFile], code: Sequence[str]) -> Iterator[Finding]:
    yield from _settings([file for file in files if _is_settings(file)])
    for file in files:
        yield from loosened_lines(file)
        yield from narrowed_pipelines(file, code)
    yield from new_suppressions(files)


def _is_settings(file: ReviewedFile) -> bool:
    return is_checker_settings(file.path) or is_checker_settings(file.old_path or file.path)


def _settings(files: Sequence[ReviewedFile]) -> Iterator[Finding]:
    """Settings of all changed files together: what moved from one to another is still there."""
    old: dict[str, Value] = {}
    new: dict[str, Value] = {}
    places: dict[str, ReviewedFile] = {}
    for file in files:
        before = checker_settings(file.old_path or file.path, file.old)
        after = checker_settings(file.path, file.new)
        old |= before
        new |= after
        for name in before:
            places.setdefault(name, file)
        places |= dict.fromkeys(after, file)
    for found in loosened_settings(old, new):
        file = places[found.name]
        line = _line_of(file, found.name)
        yield Finding(
            CHECK,
            "blocking" if found.is_serious else "warning",
            f"{file.path}: {found.what}",
            "a check asks for less than before",
            file.path,
            line,
            line,
        )


def _line_of(file: ReviewedFile, name: str) -> int | None:
    key = name.rpartition(".")[2]
    return next((number for number, line in added_lines(file) if key in line), None)
