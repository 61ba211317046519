"""Manifests, lock files, migrations and pipelines by their names, and the dependencies of a manifest.

Above: changes_called_out, diff_matches_claims, generated files. Below: added lines.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from agentos import ReviewedFile
from agentos_governance.gatekeeper.files.added_lines import added_lines, removed_lines, text_lines

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


def changes_dependencies(file: ReviewedFile) -> bool:
    """Whether a manifest names other dependencies than before, or none is known of it."""
    return bool(MANIFEST.search(file.path)) and any(map(bool, dependency_lines(file)))


def dependency_lines(file: ReviewedFile) -> tuple[list[tuple[int, str]], list[str]]:
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
