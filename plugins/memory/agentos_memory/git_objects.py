"""Files of commits, many at once, none of them larger than what a file of an index may be.

Above: anchors. Below: the kernel's `Git`. Sizes are asked for first, so that a small object that
unpacks to gigabytes is never unpacked.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from pathlib import Path
from typing import TypeAlias

from agentos import Git, UnavailableError
from agentos_memory.analysis import MAX_FILE_BYTES
from agentos_memory.own_git import own_git

GIT_TIMEOUT_S = 20.0
# What is held in memory at a time.
BATCH_BYTES = 8 * MAX_FILE_BYTES

CommittedFile: TypeAlias = tuple[str, str]
"""A commit (hexadecimal, may be abbreviated) and a printable path in it."""


async def read_committed(
    root: Path, wanted: Iterable[CommittedFile]
) -> AsyncIterator[Mapping[CommittedFile, bytes]]:
    """The contents in batches; left out is what does not exist or is over MAX_FILE_BYTES.

    Nothing where `root` is no working tree. Raises UnavailableError where git does not answer in time.
    """
    git = await own_git(root, timeout_s=GIT_TIMEOUT_S)
    if git is None:
        return
    objects = await _find(git, list(dict.fromkeys(wanted)))
    names: dict[str, list[CommittedFile]] = {}
    for file, (name, _) in objects.items():
        names.setdefault(name, []).append(file)
    for batch in _batches(dict(objects.values())):
        contents = await _read(git, batch)
        yield {file: content for name, content in contents.items() for file in names[name]}


async def find_merged(root: Path, commits: Iterable[str]) -> frozenset[str]:
    """Those of the commits, hexadecimal, that HEAD is or comes after.

    Where git cannot tell, all of them: HEAD is then taken for what counts.
    """
    wanted = sorted(set(commits))
    try:
        names = await _commit_names(Git(root, timeout_s=GIT_TIMEOUT_S), wanted)
        asked = "".join(f"{name}\n" for name in [*names.values(), "^HEAD"])
        outside = await Git(root, timeout_s=GIT_TIMEOUT_S).run(
            "rev-list", "--stdin", input_bytes=asked.encode()
        )
    except UnavailableError:
        return frozenset(wanted)
    if outside.status != 0:
        return frozenset(wanted)
    beyond = set(outside.text.split("\n"))
    return frozenset(commit for commit, name in names.items() if name not in beyond)


async def _commit_names(git: Git, commits: list[str]) -> dict[str, str]:
    """The whole names of commits that exist, by how they were given."""
    asked = "".join(f"{commit}^{{commit}}\n" for commit in commits)
    found = await git.run("cat-file", "--batch-check=%(objectname)", input_bytes=asked.encode())
    lines = zip(commits, found.text.split("\n"), strict=False)
    return {commit: line for commit, line in lines if " " not in line and line.startswith(commit)}


async def _find(git: Git, wanted: list[CommittedFile]) -> dict[CommittedFile, tuple[str, int]]:
    """Object id and size of those that are files of a size that may be read."""
    asked = "".join(f"{commit}:{path}\n" for commit, path in wanted)
    found = await git.run(
        "cat-file",
        "--batch-check=%(objecttype) %(objectname) %(objectsize)",
        input_bytes=asked.encode(),
    )
    objects: dict[CommittedFile, tuple[str, int]] = {}
    for file, line in zip(wanted, found.text.split("\n"), strict=False):
        # The line of a missing file repeats what was asked for, which starts with a commit.
        kind, _, rest = line.partition(" ")
        name, _, size = rest.partition(" ")
        if kind == "blob" and size.isdecimal() and int(size) <= MAX_FILE_BYTES:
            objects[file] = (name, int(size))
    return objects


def _batches(sizes: Mapping[str, int]) -> Iterable[dict[str, int]]:
    batch: dict[str, int] = {}
    for name, size in sizes.items():
        if batch and sum(batch.values()) + size > BATCH_BYTES:
            yield batch
            batch = {}
        batch[name] = size
    if batch:
        yield batch


async def _read(git: Git, sizes: Mapping[str, int]) -> dict[str, bytes]:
    asked = "".join(f"{name}\n" for name in sizes)
    found = await git.run("cat-file", "--batch", input_bytes=asked.encode())
    contents: dict[str, bytes] = {}
    position = 0
    for name, size in sizes.items():
        header = f"{name} blob {size}\n".encode()
        if not found.output.startswith(header, position):
            break
        start = position + len(header)
        contents[name] = found.output[start : start + size]
        position = start + size + 1
    return contents
