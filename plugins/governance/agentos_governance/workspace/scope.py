"""Which changes lie outside what a contract lets a worker write.

Above: the scope gate of submit_work_order. Below: changes, globs, forbidden.
"""

from __future__ import annotations

from collections.abc import Sequence

from agentos_governance.contracts.forbidden import ForbiddenActions
from agentos_governance.contracts.globs import compile_roots
from agentos_governance.contracts.model import Contract
from agentos_governance.workspace.changes import Change
from agentos_governance.workspace.paths import is_git_internal


def findings_outside_roots(changes: Sequence[Change], contract: Contract) -> list[str]:
    """One sentence for each change that the contract does not admit; empty means inside.

    Both sides of a rename count. Links that lead out of the workspace, hard ones included, files below any `.git`
    and paths that a `write:` rule forbids are findings wherever they lie.
    """
    is_inside = compile_roots(contract.allowed_roots)
    forbidden = ForbiddenActions(contract.forbidden_actions)
    findings = []
    for change in changes:
        for path in filter(None, (change.path, change.old_path)):
            if not is_inside(path):
                findings.append(f"{path}: {_described(change)} outside allowed_roots")
            hit = forbidden.find([f"write:{path}"])
            if hit is not None:
                findings.append(
                    f"{path}: {_described(change)}, which forbidden_actions[{hit}] bars"
                )
        if change.escapes:
            findings.append(f"{change.path}: {_escape(change)}")
        if is_git_internal(change.path):
            findings.append(f"{change.path}: git's own data inside the workspace")
    return findings


def _escape(change: Change) -> str:
    if change.is_symlink:
        return f"a link to {change.link_target}, which leads out of the workspace"
    return "a hard link to a file outside the workspace; put a copy there"


def _described(change: Change) -> str:
    if change.old_path is not None:
        return f"renamed ({change.old_path} to {change.path})"
    return change.status.replace("_", " ")
