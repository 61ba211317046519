"""Overwrites objects of a git repository, as a worker of the same user may."""

from __future__ import annotations

import zlib
from pathlib import Path

from tests.agentos_governance.repositories import git


def forge_tree(repository: Path, tree: str, name: str, blob: str) -> None:
    """Make the loose object of a tree, such as `HEAD:src`, name another blob under `name`."""
    identifier = git(repository, "rev-parse", tree)
    entries = git(repository, "ls-tree", identifier).splitlines()
    content = b""
    for entry in entries:
        header, _, path = entry.partition("\t")
        mode, _, found = header.split(" ")
        chosen = blob if path == name else found
        content += f"{mode.lstrip('0')} {path}".encode() + b"\0" + bytes.fromhex(chosen)
    overwrite_object(repository, identifier, "tree", content)


def overwrite_object(repository: Path, identifier: str, kind: str, content: bytes) -> None:
    """Put other content under the id of a loose object."""
    path = repository / ".git" / "objects" / identifier[:2] / identifier[2:]
    path.chmod(0o644)
    path.write_bytes(zlib.compress(f"{kind} {len(content)}".encode() + b"\0" + content))
