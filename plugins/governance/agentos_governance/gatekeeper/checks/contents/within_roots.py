"""`within_roots`: nothing is written, linked or configured outside of what the contract allows.

Above: the registry. Below: scope, which the gate uses as well. Beyond the gate: links that lead to
files outside of the roots, submodules, and files that make git itself run something.
"""

from __future__ import annotations

import fnmatch
import posixpath
import re
from collections.abc import Iterator

from agentos import Finding, ReviewedFile
from agentos_governance.contracts.globs import compile_roots
from agentos_governance.gatekeeper.files.added_lines import added_lines
from agentos_governance.gatekeeper.files.naming import is_code
from agentos_governance.gatekeeper.work import Work
from agentos_governance.workspace.paths import is_git_internal

CHECK = "within_roots"
_DRIVER = re.compile(r"\b(filter|diff|merge|textconv)=|\bexport-subst\b")
_HIDING = re.compile(r"(^|\s)(-diff|binary|-text|linguist-(generated|vendored))\b(?!=false)")
_HOOKS = re.compile(
    r"(^|/)(\.githooks|\.husky|\.git-hooks|githooks)/|(^|/)(\.gitconfig|\.lfsconfig)$"
)


async def within_roots(work: Work) -> list[Finding]:
    """See the module."""
    is_inside = compile_roots(work.contract.allowed_roots)
    found: list[Finding] = []
    code = [path for path in sorted(work.submitted_paths) if is_code(path)]
    for file in work.files:
        found += _outside(
            file, is_inside(file.path), file.old_path and not is_inside(file.old_path)
        )
        found += _links(work, file)
        found += _git(file, code)
    for path in work.strays:
        found.append(
            _found(path, "the branch holds another version of it than the worktree", "blocking")
        )
    return found


def _outside(file: ReviewedFile, is_inside: bool, was_outside: object) -> Iterator[Finding]:
    if not is_inside:
        yield _found(
            file.path, f"{file.status.replace('_', ' ')} outside of allowed_roots", "blocking"
        )
    elif was_outside:
        yield _found(file.path, f"moved from {file.old_path}, outside of allowed_roots", "blocking")
    if file.escapes:
        target = f" to {file.link_target}" if file.link_target else ""
        yield _found(file.path, f"a link{target} that leads out of the workspace", "blocking")


def _links(work: Work, file: ReviewedFile) -> Iterator[Finding]:
    if file.link_target is None or file.escapes:
        return
    folder = posixpath.dirname(file.path)
    target = posixpath.normpath(posixpath.join(folder, file.link_target))
    if not compile_roots(work.contract.allowed_roots)(target):
        yield _found(
            file.path,
            f"a link to {target}, which is outside of allowed_roots: what is written through it is too",
            "blocking",
        )
    else:
        yield _found(file.path, f"a symbolic link to {target}", "note")


def _is_meant(pattern: str, path: str) -> bool:
    """Whether a pattern of .gitattributes is about a path; of folders above the file."""
    plain = pattern.lstrip("/")
    name = path if "/" in plain else path.rpartition("/")[2]
    return fnmatch.fnmatch(name, plain) or fnmatch.fnmatch(path, f"{plain.rstrip('/*')}/*")


def _git(file: ReviewedFile, code: list[str]) -> Iterator[Finding]:
    name = file.path.rpartition("/")[2]
    if "160000" in {file.old_mode, file.new_mode}:
        yield _found(
            file.path, "a submodule: code from elsewhere that nobody sees here", "blocking"
        )
    elif is_git_internal(file.path):
        yield _found(file.path, "git's own data", "blocking")
    elif name == ".gitmodules":
        yield _found(file.path, "submodules are declared or changed", "blocking")
    elif name == ".gitattributes":
        for number, line in added_lines(file):
            pattern, _, attributes = line.strip().partition(" ")
            if _HIDING.search(attributes) and any(_is_meant(pattern, path) for path in code):
                yield _found(
                    file.path,
                    f"sources are hidden from who reads the difference: `{line.strip()[:120]}`",
                    "blocking",
                    number,
                )
            elif _DRIVER.search(line):
                yield _found(
                    file.path, f"git runs a driver: `{line.strip()[:120]}`", "blocking", number
                )
    elif _HOOKS.search(file.path):
        yield _found(
            file.path, "hooks or configuration of git, which run on other machines", "warning"
        )


def _found(path: str, what: str, severity: str, line: int | None = None) -> Finding:
    if severity == "note":
        return Finding(CHECK, "note", f"{path}: {what}", "a link", path)
    return Finding(
        CHECK,
        "warning" if severity == "warning" else "blocking",
        f"{path}: {what}",
        "a change outside of what the contract allows",
        path,
        line,
        line,
    )
