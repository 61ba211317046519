"""Dependencies from a repository or an address that somebody else can change at any time.

Above: dependencies_locked. Below: direct_sources, lock files of the same submission. What names a full
commit or a digest, in the manifest or in a lock file, is one state for ever, and for a reviewer to know.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from agentos import Finding, ReviewedFile
from agentos_governance.gatekeeper.files.added_lines import text_lines
from agentos_governance.gatekeeper.files.direct_sources import (
    DirectSource,
    direct_sources,
    is_manifest,
)
from agentos_governance.gatekeeper.files.lock_files import LOCK
from agentos_governance.gatekeeper.files.naming import is_document, is_test_path

CHECK = "dependencies_locked"
NEAR_LINES = 4
"""So far below an address a lock file says its commit or digest."""
_STATE = re.compile(
    r"(?<![0-9a-f])[0-9a-f]{40}(?![0-9a-f])|[0-9a-f]{64}|sha(?:256|384|512)-[\w+/=]{40,}"
)


def unpinned_sources(files: Sequence[ReviewedFile]) -> Iterator[Finding]:
    """Findings in manifests and scripts that name such a dependency anew."""
    for file in files:
        if file.new is None or not _is_read(file.path):
            continue
        before = set(direct_sources(file.path, file.old))
        for source in sorted(
            set(direct_sources(file.path, file.new)) - before, key=lambda each: each.address
        ):
            yield _found(file, source, is_locked=_is_locked(source, files))


def _is_read(path: str) -> bool:
    if is_test_path(path) or not is_manifest(path):
        return False
    # A list of requirements has the name of a document, and of a lock file.
    return path.endswith((".txt", ".in")) or not (is_document(path) or LOCK.search(path))


def _is_locked(source: DirectSource, files: Sequence[ReviewedFile]) -> bool:
    """Whether a lock file that came with it says which state of the address is meant."""
    place = _place(source.address)
    for file in files:
        if not LOCK.search(file.path) or file.path.endswith((".txt", ".in")):
            continue
        lines = text_lines(file.new)
        for number, line in enumerate(lines):
            if place in line.lower() and _STATE.search(
                "\n".join(lines[number : number + NEAR_LINES])
            ):
                return True
    return False


def _place(address: str) -> str:
    """Host and path, in the one form that manifests and lock files share."""
    plain = re.sub(
        r"^(?:\w+\+)?\w+://(?:[^@/]*@)?|^git@|^(?:github|gitlab|bitbucket):", "", address
    )
    plain = plain.partition("#")[0].partition("?")[0].replace(":", "/")
    path, at, _ = plain.rpartition("@")
    return (path if at else plain).removesuffix(".git").lower()


def _found(file: ReviewedFile, source: DirectSource, *, is_locked: bool) -> Finding:
    shown = source.address[:160]
    line = next(
        (number for number, text in enumerate(text_lines(file.new), 1) if source.address in text),
        None,
    )
    is_fixed = source.is_pinned or is_locked
    what = (
        f"`{shown}` comes from no registry"
        if is_fixed
        else f"`{shown}` may be another one tomorrow: name the full commit, or a digest"
    )
    return Finding(
        CHECK,
        "warning" if is_fixed else "blocking",
        f"{file.path}: {what}",
        "a build brings in what was not locked",
        file.path,
        line,
        line,
    )
