"""Every path of a commit, from trees that hash to what names them, with few git processes.

Above: worktree_state. Below: git. What a commit holds follows from its id, and what a tree holds
from its own, so trees that were read once are kept and shared; git is asked for those that are
missing, and whatever it answers is hashed before it is believed: a worker may have overwritten it.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from agentos import Git, InvalidStateError

MAX_KEPT_ENTRIES = 100_000
"""Of all trees that are kept, some 20 MB."""
MAX_KEPT_COMMITS = 1_000
MAX_DEPTH = 200
MAX_PATHS = 200_000
_FOLDER = b"40000"
_COMMIT_KINDS = {40: "sha1", 64: "sha256"}

Entries = dict[bytes, tuple[bytes, str]]
"""Mode, as git shows it, and object id of every path that is no folder."""


@dataclass(frozen=True, slots=True)
class _Tree:
    entries: tuple[tuple[bytes, bytes, str], ...]
    """Mode, name, object id."""


class TreeCache:
    """Trees by their ids, the ones used last."""

    def __init__(self) -> None:
        self._trees: OrderedDict[str, _Tree] = OrderedDict()
        self._n_entries = 0
        self._roots: OrderedDict[str, str] = OrderedDict()

    def find(self, identifier: str) -> _Tree | None:
        """A tree that was read before."""
        found = self._trees.get(identifier)
        if found is not None:
            self._trees.move_to_end(identifier)
        return found

    def find_root(self, commit: str) -> str | None:
        """The root tree of a commit that was read before."""
        return self._roots.get(commit)

    def keep_root(self, commit: str, root: str) -> None:
        """Keep what the content of a commit said, which was hashed."""
        self._roots[commit] = root
        while len(self._roots) > MAX_KEPT_COMMITS:
            self._roots.popitem(last=False)

    def keep(self, identifier: str, tree: _Tree) -> None:
        """Keep a tree whose content was hashed."""
        if identifier in self._trees:
            return
        self._trees[identifier] = tree
        self._n_entries += len(tree.entries) + 1
        while self._n_entries > MAX_KEPT_ENTRIES and len(self._trees) > 1:
            _, dropped = self._trees.popitem(last=False)
            self._n_entries -= len(dropped.entries) + 1


async def list_commit(
    git: Git, commit: str, cache: TreeCache, folders: Iterable[bytes] = ()
) -> Entries | None:
    """Every path of `commit`; None where it has too many to list here.

    `folders` are some in which it probably has other trees than are kept: they are read with the commit.
    InvalidStateError where git lacks an object, or has another under its id.
    """
    trees: dict[str, _Tree] = {}
    root = cache.find_root(commit)
    if root is None:
        root = await _read_commit(git, commit, folders, trees, cache)
    listed = await asyncio.to_thread(_walk, root, trees, cache)
    if isinstance(listed, set):
        # Those below what is missing as well: one question instead of one for each level.
        wanted = listed
        for each in await _named_trees(git, commit):
            if (known := cache.find(each)) is not None:
                # What is read now may push it out.
                trees[each] = known
            else:
                wanted.add(each)
        await _read(git, wanted, trees, cache)
        listed = await asyncio.to_thread(_walk, root, trees, cache)
    if isinstance(listed, set):
        raise InvalidStateError("the repository names other trees than the commit has")
    return listed


async def _read_commit(
    git: Git, commit: str, folders: Iterable[bytes], trees: dict[str, _Tree], cache: TreeCache
) -> str:
    """The id of the root tree; it and those of `folders` are read by the way."""
    paths = [each.decode("utf-8", "surrogateescape") for each in folders if b"\n" not in each]
    names = [f"{commit}^{{tree}}", *(f"{commit}:{path}" for path in paths)]
    read = await read_objects(git, [commit, *names])
    content = read.get(commit, ("", "", b""))[2]
    if object_id("commit", content, len(commit)) != commit:
        raise InvalidStateError(f"the repository has no commit {commit}")
    for name in names:
        identifier, kind, raw = read.get(name, ("", "", b""))
        if kind == "tree":
            _take(identifier, raw, trees, cache)
    root = _root_of(content)
    cache.keep_root(commit, root)
    return root


def _take(identifier: str, content: bytes, trees: dict[str, _Tree], cache: TreeCache) -> None:
    if object_id("tree", content, len(identifier)) != identifier:
        raise InvalidStateError(f"the repository has another tree under the id {identifier}")
    trees[identifier] = _Tree(tuple(_parsed(content, len(identifier) // 2)))
    cache.keep(identifier, trees[identifier])


async def _named_trees(git: Git, commit: str) -> set[str]:
    """The ids of all folders of a commit, as git says."""
    answer = await git.run("ls-tree", "-r", "-d", "-z", "--full-tree", commit)
    headers = (record.partition(b"\t")[0].split(b" ") for record in answer.output.split(b"\0"))
    return {header[2].decode("ascii") for header in headers if header[1:2] == [b"tree"]}


def _walk(root: str, trees: dict[str, _Tree], cache: TreeCache) -> Entries | set[str] | None:
    """The paths, or the ids of trees that are missing for them."""
    found: Entries = {}
    missing: set[str] = set()
    pending = [(b"", root, 0)]
    while pending:
        folder, identifier, depth = pending.pop()
        tree = trees.get(identifier) or cache.find(identifier)
        if tree is None:
            missing.add(identifier)
            continue
        trees[identifier] = tree
        if depth > MAX_DEPTH or len(found) > MAX_PATHS:
            return None
        for mode, name, each in tree.entries:
            if mode == _FOLDER:
                pending.append((folder + name + b"/", each, depth + 1))
            else:
                found[folder + name] = (mode, each)
    return missing or found


async def _read(git: Git, wanted: set[str], trees: dict[str, _Tree], cache: TreeCache) -> None:
    """Read trees and hash them; InvalidStateError where one is not what its id says."""
    contents = await read_objects(git, wanted)
    for identifier in wanted:
        _, kind, content = contents.get(identifier, ("", "missing", b""))
        if kind != "tree":
            raise InvalidStateError(f"the repository lacks the tree {identifier}")
        _take(identifier, content, trees, cache)


async def read_objects(git: Git, names: Iterable[str]) -> dict[str, tuple[str, str, bytes]]:
    """Id, kind and content of what git knows under each name, in one process; nothing is hashed yet."""
    names = list(names)
    lines = "".join(f"{name}\n" for name in names)
    answer = await git.check(
        "cat-file", "--batch", input_bytes=lines.encode("utf-8", "surrogateescape")
    )
    found: dict[str, tuple[str, str, bytes]] = {}
    output, at = answer.output, 0
    for name in names:
        end = output.index(b"\n", at)
        header = output[at:end].decode("ascii", "replace").split(" ")
        at = end + 1
        if len(header) == 3 and header[2].isdigit():
            size = int(header[2])
            found[name] = (header[0], header[1], output[at : at + size])
            at += size + 1
    return found


def object_id(kind: str, content: bytes, digits: int) -> str:
    """What git calls an object of this content, in a repository whose ids have so many digits."""
    digest = hashlib.new(_COMMIT_KINDS[digits], f"{kind} {len(content)}\0".encode("ascii"))
    digest.update(content)
    return digest.hexdigest()


def _root_of(commit: bytes) -> str:
    """The id of the root tree that the content of a commit names."""
    header, _, _ = commit.partition(b"\n")
    return header.removeprefix(b"tree ").decode("ascii")


def _parsed(content: bytes, id_bytes: int) -> Iterable[tuple[bytes, bytes, str]]:
    """The raw form of a tree: `mode SP name NUL id`, repeated."""
    at = 0
    while at < len(content):
        end = content.index(b"\0", at)
        mode, _, name = content[at:end].partition(b" ")
        at = end + 1 + id_bytes
        yield mode, name, content[end + 1 : at].hex()
