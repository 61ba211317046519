"""`blast_radius_covered`: what the change may break is reached by tests.

Above: the registry. Below: `agentos.BlastRadiusSource`, where some plugin provides one.
"""

from __future__ import annotations

from agentos import Finding, UnavailableError
from agentos_governance.gatekeeper.files.naming import is_product
from agentos_governance.gatekeeper.work import Work

CHECK = "blast_radius_covered"
MAX_SHOWN = 8


async def blast_radius_covered(work: Work) -> list[Finding]:
    """See the module."""
    changed = sorted(
        file.old_path or file.path
        for file in work.files
        if file.old is not None and is_product(file.old_path or file.path)
    )
    if not changed:
        return []
    if work.blast_radius_source is None or work.repo_root is None:
        raise UnavailableError("no plugin knows what depends on what")
    reach = await work.blast_radius_source.reach_of(str(work.repo_root), changed)
    if reach is None:
        raise UnavailableError("the repository is not indexed, or none of the changed files is")
    work.blast_radius = {
        "symbols": reach.symbols,
        "files": reach.files,
        "modules": reach.modules,
        "tests": reach.tests,
        "untested": len(reach.untested),
        "untested_paths": list(reach.untested[:MAX_SHOWN]),
        "is_current": reach.is_current,
    }
    return [
        Finding(
            CHECK,
            "warning",
            f"no test reaches {path}, which this work changes"
            + ("" if reach.is_current else " (by an index of an older state)"),
            "a change that no test reaches",
            path,
        )
        for path in reach.untested
        if path in changed and path not in _tested_now(work)
    ][:MAX_SHOWN]


def _tested_now(work: Work) -> set[str]:
    """Changed files whose name a changed test names: the index may not know that test yet."""
    tests = b"\n".join(file.new for file in work.files if file.new and not is_product(file.path))
    return {
        file.path
        for file in work.files
        if file.path.rpartition("/")[2].partition(".")[0].encode() in tests
    }
