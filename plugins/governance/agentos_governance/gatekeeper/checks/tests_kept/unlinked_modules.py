"""Rust files of tests that no module declares any more, so that no compiler sees them.

Above: tests_kept. Below: the changed sources. `mod tests;` is all that leads to `tests.rs`.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from agentos import Finding, ReviewedFile
from agentos_governance.gatekeeper.suites.suites import Suites
from agentos_governance.gatekeeper.work import Work

CHECK = "tests_kept"
_DECLARED = re.compile(
    rb"^[ \t]*+(?:pub(?:\([a-z]{1,20}\))?[ \t]++)?mod[ \t]++(\w++)[ \t]*+;", re.MULTILINE
)
_TEST = re.compile(rb"#\[(?:\w{1,20}::)?test\b")


async def unlinked_modules(work: Work, suites: Suites) -> list[Finding]:
    """Findings in changed Rust sources."""
    places = [(file, name, path) for file in work.files for name, path in _lost(file)]
    contents = await work.read_submitted_files([path for _, _, path in places])
    return [
        Finding(
            CHECK,
            "blocking",
            f"{file.path} no longer declares `mod {name};`, so that the tests of {path} are not compiled",
            "tests are not collected any more",
            file.path,
        )
        for file, name, path in places
        if _TEST.search(contents.get(path, b""))
    ]


def _lost(file: ReviewedFile) -> Iterator[tuple[str, str]]:
    """Names of modules that are no longer declared, and where each may lie."""
    if not file.path.endswith(".rs") or file.old is None or file.new is None:
        return
    folder, name = posixpath.split(file.path)
    stem = name.removesuffix(".rs")
    below = folder if stem in {"lib", "main", "mod"} else posixpath.join(folder, stem)
    for lost in set(_DECLARED.findall(file.old)) - set(_DECLARED.findall(file.new)):
        module = lost.decode()
        for path in (f"{module}.rs", f"{module}/mod.rs"):
            yield module, posixpath.join(below, path)
