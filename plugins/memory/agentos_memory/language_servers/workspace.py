"""What a language server is shown: the repository through a folder of links, with files of ours.

Servers read their configuration from the root of what they serve. Ours has to win over the
repository's without a write into the work tree, so a temporary folder holds our files and links to
every entry of the repository's root. Servers without such files are shown the repository itself.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

HIDDEN = frozenset({".git", ".hg", ".svn", "node_modules"})


@dataclass(frozen=True, slots=True)
class Workspace:
    """The folder shown and the repository behind it."""

    folder: Path
    repository: Path

    def uri(self, path: str) -> str:
        """The URI of a file, by its path in the repository."""
        return (self.folder / path).as_uri()

    def path(self, uri: str) -> str | None:
        """The path in the repository that a URI names; None for what lies outside."""
        parts = urlsplit(uri)
        if parts.scheme != "file":
            return None
        named = Path(os.path.normpath(unquote(parts.path)))
        for base in (self.folder, self.repository):
            if named.is_relative_to(base):
                return named.relative_to(base).as_posix()
        return None


@contextmanager
def open_workspace(
    repository: Path, files: Callable[[Sequence[str]], Mapping[str, str]] | None
) -> Iterator[Workspace]:
    """The workspace of a repository, with `files` in place of the repository's of that name."""
    root = repository.resolve()
    if files is None:
        yield Workspace(root, root)
        return
    entries = sorted(
        entry for entry in root.iterdir() if entry.name not in HIDDEN and entry.name[0] != "."
    )
    ours = files([entry.name for entry in entries])
    with tempfile.TemporaryDirectory(prefix="agentos-language-server-") as made:
        folder = Path(made).resolve()
        for entry in entries:
            if entry.name not in ours:
                (folder / entry.name).symlink_to(entry)
        for name, content in ours.items():
            (folder / name).write_text(content, encoding="utf-8")
        yield Workspace(folder, root)
