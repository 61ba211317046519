"""`changes_called_out`: dependencies, migrations, pipelines and permissions, which a reviewer must see.

Above: the registry. Below: nothing. Warnings only: such changes may be just what was asked for.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator, Sequence

from agentos import Finding, ReviewedFile
from agentos_governance.gatekeeper.added_lines import added_lines, removed_lines, text_lines
from agentos_governance.gatekeeper.work import Work

CHECK = "changes_called_out"
MAX_SHOWN = 4

MANIFEST = re.compile(
    r"(^|/)(package\.json|pyproject\.toml|setup\.(py|cfg)|Pipfile|requirements[\w.-]*\.(txt|in)"
    r"|constraints[\w.-]*\.txt|go\.mod|Cargo\.toml|pom\.xml|build\.gradle(\.kts)?|Gemfile|composer\.json"
    r"|environment\.ya?ml|[\w.-]+\.csproj)$"
)
LOCK = re.compile(
    r"(^|/)(package-lock\.json|yarn\.lock|pnpm-lock\.yaml|poetry\.lock|uv\.lock|Pipfile\.lock|go\.sum"
    r"|Cargo\.lock|Gemfile\.lock|composer\.lock)$"
)
_DEPENDENCY_LINE = re.compile(
    r"""^\s*["']?[A-Za-z@][\w@./-]*(\[[\w,-]+\])?["']?\s*(==|>=|<=|~=|\^|~|:\s*["'^~\d*]|=\s*["'{]|@|>|<|\sv\d|;)"""
    r"""|^\s*["'][A-Za-z][\w.-]*(\[[\w,-]+\])?["'],?\s*$|^[A-Za-z][\w.-]*$|<dependency>|<artifactId>|implementation"""
)
_BLOCK = re.compile(
    r"(?i)^\[(tool\.poetry\.|workspace\.|build-|dev-)?(group\.\w+\.)?(dev-)?dependencies\]|^\[project\.optional-dependencies\]"
    r"|^\[dependency-groups\]|^\[options\.extras_require\]|^[\"']?(dev|peer|optional)?dependencies[\"']?\s*[:=]"
    r"|^install_requires\s*=|^requires\s*="
)
MIGRATION = re.compile(
    r"(^|/)(migrations?|alembic/versions|db/migrate|flyway|liquibase)/[^/]+\.(py|sql|rb|ya?ml|xml|js|ts)$"
)
PIPELINE = re.compile(
    r"(^|/)(\.github/(workflows|actions)/|\.gitlab-ci\.yml|\.circleci/|Jenkinsfile|azure-pipelines"
    r"|\.travis\.yml|bitbucket-pipelines\.yml|\.pre-commit-config\.yaml|\.buildkite/|\.drone\.yml"
    r"|cloudbuild\.yaml|appveyor\.yml|Dockerfile|docker-compose[\w.-]*\.ya?ml|Makefile$|tox\.ini|noxfile\.py)"
)
_PERMISSION = re.compile(
    r"(?i)^\s*permissions:|:\s*write(-all)?\s*$|\bchmod\s+(-R\s+)?[0-7]*7[0-7]{2}\b|\bsudo\b|\bsetuid\b"
    r"|\bprivileged:\s*true|\bcap_add\b|\bGRANT\s+\w|pull_request_target|\bUSER\s+root\b|\"Action\":\s*\"\*\""
    r"|allowPrivilegeEscalation:\s*true|AdministratorAccess|hostNetwork:\s*true"
)
_OWNERS = re.compile(r"(^|/)CODEOWNERS$")


async def changes_called_out(work: Work) -> list[Finding]:
    """See the module."""
    return await asyncio.to_thread(lambda: [f for file in work.files for f in _in_file(file)])


def _in_file(file: ReviewedFile) -> Iterator[Finding]:
    path = file.path
    if MANIFEST.search(path):
        yield from _dependencies(file)
    elif LOCK.search(path):
        yield _found(file, "locked versions of dependencies changed", "dependencies changed")
    if MIGRATION.search(path) and not path.endswith("__init__.py"):
        what = "changed after it was made" if file.old is not None else "is new"
        yield _found(file, f"the migration {what}", "the schema of a database changes")
    if PIPELINE.search(path):
        yield _found(file, "how the project is built and tested changes", "the pipeline changes")
    if _OWNERS.search(path):
        yield _found(file, "who must review what changes", "permissions change")
    yield from _permissions(file)


def changes_dependencies(file: ReviewedFile) -> bool:
    """Whether a manifest names other dependencies than before, or none is known of it."""
    return bool(MANIFEST.search(file.path)) and any(map(bool, _dependency_lines(file)))


def _dependency_lines(file: ReviewedFile) -> tuple[list[tuple[int, str]], list[str]]:
    """Lines that name a dependency: those that came, with their numbers, and those that went."""
    is_wanted = _in_dependencies(file)
    added = [(n, line.strip()) for n, line in added_lines(file) if is_wanted(line)]
    return added, [line for line in removed_lines(file) if is_wanted(line)]


def _in_dependencies(file: ReviewedFile) -> Callable[[str], bool]:
    """Of a manifest that holds more than dependencies: whether a line stands among them."""
    if not file.path.endswith(("pyproject.toml", "setup.cfg", "package.json", "Cargo.toml")):
        return lambda line: bool(_DEPENDENCY_LINE.search(line)) and not line.strip().startswith("#")
    lines = {
        line.strip()
        for content in (file.old, file.new)
        for line in _dependency_block(text_lines(content))
    }
    return lambda line: line.strip() in lines and bool(_DEPENDENCY_LINE.search(line))


def _dependency_block(lines: Sequence[str]) -> Iterator[str]:
    """The lines of every list or table of dependencies."""
    is_inside = False
    for line in lines:
        plain = line.strip()
        if _BLOCK.search(plain):
            is_inside = not plain.endswith(("]", "}")) or plain.startswith("[")
            if not plain.startswith("["):
                yield line
            continue
        if is_inside and (plain.startswith("[") or plain in {"]", "}", "},", "],"}):
            is_inside = False
        elif is_inside and re.match(r"^\w[\w-]*\s*=\s*\[?$", plain):
            is_inside = "dependencies" in plain or "requires" in plain
        if is_inside:
            yield line


def _dependencies(file: ReviewedFile) -> Iterator[Finding]:
    added, removed = _dependency_lines(file)
    if not added and not removed:
        return
    shown = [*(f"+ {line}" for _, line in added), *(f"- {line}" for line in removed)]
    line = added[0][0] if added else None
    yield _found(file, _joined(shown), "dependencies changed", line)


def _permissions(file: ReviewedFile) -> Iterator[Finding]:
    if file.old_mode == "100644" and file.new_mode == "100755":
        yield _found(file, "it can be executed now", "permissions change")
    elif file.old_mode is None and file.new_mode == "100755":
        yield _found(file, "a new file that can be executed", "permissions change")
    if not PIPELINE.search(file.path) and not file.path.endswith(
        (".sh", ".sql", ".tf", ".yml", ".yaml", ".json")
    ):
        return
    for number, line in added_lines(file):
        if _PERMISSION.search(line):
            yield _found(file, f"`{line.strip()[:120]}`", "permissions change", number)
            return


def _joined(shown: Sequence[str]) -> str:
    more = f" and {len(shown) - MAX_SHOWN} more lines" if len(shown) > MAX_SHOWN else ""
    return "; ".join(line[:100] for line in shown[:MAX_SHOWN]) + more


def _found(file: ReviewedFile, what: str, claim: str, line: int | None = None) -> Finding:
    return Finding(CHECK, "warning", f"{file.path}: {what}", claim, file.path, line, line)
