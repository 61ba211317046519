"""Repositories that cases begin with, and the changes that steps make in a folder.

Above: the runner, the recorder of reports. Below: real git, in folders that the caller gives.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from tests.agentos_governance.gatekeeper.form import (
    Change,
    Delete,
    Edit,
    Executable,
    Git,
    Link,
    Move,
    Tree,
    Write,
    replaced_once,
)
from tests.agentos_governance.repositories import git

_LEFT_OUT = {".git", "build", "__pycache__", ".pytest_cache", ".hypothesis"}


class Repositories:
    """Makes a repository of its own for each case; git works once for each distinct tree."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: dict[str, Path] = {}
        self._n_copies = 0

    def make(self, tree: Tree) -> Path:
        """A repository with one commit that holds the tree."""
        key = hashlib.sha256(repr(sorted(tree.items())).encode()).hexdigest()
        if key not in self._made:
            self._made[key] = plant(self._folder / f"tree-{len(self._made)}", tree)
        self._n_copies += 1
        copy = self._folder / f"repo-{self._n_copies}"
        shutil.copytree(self._made[key], copy, symlinks=True)
        return copy


def plant(folder: Path, tree: Tree) -> Path:
    """A new repository in `folder` with one commit; scripts are executable."""
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet", "--initial-branch=main", "--template=")
    for path, content in tree.items():
        apply_change(folder, Write(path, content, executable=path.endswith(".sh")))
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "-m", "Base")
    return folder


def apply_change(folder: Path, change: Change) -> None:
    """Do what the step says to the files in `folder`."""
    match change:
        case Write(path, content, executable):
            file = _ready(folder / path)
            file.write_bytes(content.encode() if isinstance(content, str) else content)
            if executable:
                file.chmod(0o755)
        case Edit(path, old, new):
            file = folder / path
            file.write_bytes(replaced_once(file.read_bytes(), old, new, path).encode())
        case Delete(path):
            (folder / path).unlink()
        case Move(old, new):
            (folder / old).rename(_ready(folder / new))
        case Link(path, target):
            _ready(folder / path).symlink_to(target)
        case Executable(path):
            (folder / path).chmod(0o755)
        case Git(arguments):
            git(folder, *arguments)


def _ready(file: Path) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    return file


def digest_of_tree(folder: Path, *further: str) -> str:
    """Names the content of a folder, without git's data and what is ignored, and `further`."""
    digest = hashlib.sha256("\0".join(further).encode())
    for where, folders, files in os.walk(folder):
        folders[:] = sorted(set(folders) - _LEFT_OUT)
        for name in sorted(set(files) - _LEFT_OUT):
            file = Path(where, name)
            content = os.readlink(file).encode() if file.is_symlink() else file.read_bytes()
            path = file.relative_to(folder).as_posix()
            digest.update(f"{path}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:16]
