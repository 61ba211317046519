"""Changes of a working tree as they happen: files that an index would read, and HEAD.

Above: `agentos index --watch`. Below: watchfiles, and git, which says what is ignored. Nothing is
trusted of what was seen: a change only says that it is time to look at the tree again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from collections.abc import Set as AbstractSet
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeAlias

from watchfiles import Change, DefaultFilter, awatch

from agentos_memory.git_files import GIT_TIMEOUT_S, find_git_folder
from agentos_memory.languages import find_language
from agentos_memory.own_git import own_git

# An editor writes several times while it saves, and a checkout touches thousands of files: changes
# that follow one another this closely are one.
QUIET_MS = 100
LONGEST_MS = 1_600

_Seen: TypeAlias = set[tuple[Change, str]]


class _SourceFilter(DefaultFilter):
    """Passes what may matter: HEAD of the repository, and files of a language outside of git's."""

    def __init__(self, git_folder: Path) -> None:
        super().__init__()
        self._git_folder = str(git_folder)
        self._heads = {str(git_folder / "HEAD"), str(git_folder / "logs" / "HEAD")}

    def __call__(self, change: Change, path: str) -> bool:
        """Whether a change of `path` is passed on."""
        if path.startswith(self._git_folder + "/"):
            return path in self._heads
        return find_language(path) is not None and super().__call__(change, path)


async def watch_tree(root: Path) -> AsyncGenerator[set[str], None]:
    """Paths of each burst of changes that may matter to an index; `root` must be resolved.

    None at all at first, once the watch is on: look at the tree then, as earlier changes are not
    told.
    Ignored files are left out. A commit or a change of branch is a change of HEAD, whose path is
    absolute where the git folder lies elsewhere. Ends when `root` is gone.
    """
    git_folder = await find_git_folder(root)
    if git_folder is None:
        return
    folders = [root] if git_folder.is_relative_to(root) else [root, git_folder]
    changes = awatch(
        *folders, watch_filter=_SourceFilter(git_folder), step=QUIET_MS, debounce=LONGEST_MS
    )
    async with _begun(changes) as first:
        yield set()
        seen = await first
    while seen is not None:
        paths = {path for _, path in seen}
        heads = {path for path in paths if path.startswith(f"{git_folder}/")}
        wanted = heads | await _not_ignored(root, paths - heads)
        if wanted:
            yield {path.removeprefix(f"{root}/") for path in wanted}
        seen = await anext(changes, None)


@asynccontextmanager
async def _begun(
    changes: AsyncGenerator[_Seen, None],
) -> AsyncIterator[asyncio.Future[_Seen | None]]:
    """What is seen first, or None at the end, with the watch on already."""
    first = asyncio.ensure_future(anext(changes, None))
    # The first step of the task puts the watch on, before it waits for anything.
    await asyncio.sleep(0)
    try:
        yield first
    finally:
        first.cancel()
        await asyncio.wait([first])


async def _not_ignored(root: Path, paths: AbstractSet[str]) -> set[str]:
    """Those of the absolute `paths` that git does not ignore."""
    if not paths:
        return set()
    asked = b"".join(path.encode("utf-8", "surrogateescape") + b"\0" for path in sorted(paths))
    git = await own_git(root, timeout_s=GIT_TIMEOUT_S)
    if git is None:
        return set(paths)
    found = await git.run("check-ignore", "-z", "--stdin", input_bytes=asked)
    ignored = {name.decode("utf-8", "surrogateescape") for name in found.output.split(b"\0")}
    return set(paths) - ignored
