"""The source files of a repository, read from a folder or from a commit of a git directory.

Above: the builders of query sets. Below: git, and the file system.
"""

from __future__ import annotations

import io
import re
import subprocess
import tarfile
from pathlib import Path, PurePosixPath
from typing import TypeAlias

from agentos_memory.knowledge.history import LOG_COMMAND, Commit, commits_of
from agentos_memory.languages import find_language

Sources: TypeAlias = dict[str, bytes]
"""File contents by path relative to the root, sorted."""

MAX_FILE_BYTES = 1_000_000
SKIPPED_FOLDERS = frozenset(
    {"node_modules", "vendor", "dist", "build", ".git", "site-packages", "locale", "_vendor"}
)
_NOT_PRODUCT = re.compile(
    r"(^|[/_.-])(tests?|testing|spec|__tests__|testdata|conftest|bench(marks?)?|examples?|docs?"
    r"|deno_dist)([/_.-]|$)",
    re.IGNORECASE,
)


def is_product_code(path: str) -> bool:
    """Whether the path is none of tests, benchmarks, examples and documentation."""
    return not _NOT_PRODUCT.search(path)


def read_sources(source: Path, *, revision: str = "HEAD", with_tests: bool = False) -> Sources:
    """Files of a supported language in a folder, or in `revision` of a git directory."""
    files = _from_commit(source, revision) if is_git(source) else _from_folder(source)
    return {
        path: content
        for path, content in sorted(files.items())
        if (with_tests or is_product_code(path))
        and len(content) <= MAX_FILE_BYTES
        and not path.endswith((".d.ts", ".min.js"))
    }


def is_git(source: Path) -> bool:
    """Whether it is a git directory, or a work tree."""
    return (source / "objects").is_dir() or (source / ".git").exists()


def read_log(source: Path, *, most: int) -> list[Commit]:
    """The last commits of HEAD, newest first; none of a folder that is not git's."""
    if not is_git(source):
        return []
    return commits_of(git(source, *LOG_COMMAND, f"--max-count={most}"))


def git(folder: Path, *arguments: str) -> bytes:
    """What git says; CalledProcessError where it fails."""
    return subprocess.run(
        ["git", "-C", str(folder), *arguments], check=True, capture_output=True
    ).stdout


def _from_commit(folder: Path, revision: str) -> Sources:
    files: Sources = {}
    packed = io.BytesIO(git(folder, "archive", "--format=tar", revision))
    with tarfile.open(fileobj=packed) as archive:
        for member in archive.getmembers():
            if member.isfile() and _is_wanted(member.name):
                content = archive.extractfile(member)
                assert content is not None
                files[member.name] = content.read()
    return files


def _from_folder(folder: Path) -> Sources:
    paths = (path for path in folder.rglob("*") if path.is_file())
    named = {path.relative_to(folder).as_posix(): path for path in paths}
    return {name: path.read_bytes() for name, path in named.items() if _is_wanted(name)}


def _is_wanted(path: str) -> bool:
    return find_language(path) is not None and not SKIPPED_FOLDERS & set(PurePosixPath(path).parts)
