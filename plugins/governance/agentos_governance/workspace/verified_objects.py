"""Git objects that a worker may have overwritten, believed only after they were hashed again.

Above: snapshots, gates. Below: git. Worktrees share the repository's object store, and git does not
hash what it reads: an object there may hold anything under an honest id. What comes through here
has the content that its id promises, starting from the id of the base commit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from agentos import Git, InvalidStateError

_FOLDER = b"40000"
_FILES = frozenset({b"100644", b"100755"})


async def copy_trees(source: Git, target: Git, commit: str) -> str:
    """Put every tree of `commit` into the object store of `target`; the id of its root tree.

    Git hashes what it is given, so a forged tree arrives under another id and is missed. 125 ms
    for 10,000 files. Raises InvalidStateError where the objects are not what their ids say.
    """
    header, _, _ = (await _read(source, "commit", commit)).partition(b"\n")
    tree = header.removeprefix(b"tree ").decode("ascii")
    await _copy(source, target, ["--revs", "--filter=blob:none"], tree)
    if (await target.run("ls-tree", "-r", "-t", "--name-only", tree)).status != 0:
        raise _forged()
    return tree


async def copy_blobs(source: Git, target: Git, blobs: Iterable[str]) -> None:
    """Put the blobs that `target` lacks into its object store; raises as `copy_trees` does."""
    missing = await _missing(target, sorted(set(blobs)))
    if not missing:
        return
    await _copy(source, target, [], "\n".join(missing))
    if await _missing(target, missing):
        raise _forged()


async def blob_sizes(git: Git, blobs: Iterable[str]) -> dict[str, int]:
    """What `git` says of the sizes of blobs in bytes, without those it lacks; a forger may lie."""
    lines = "".join(f"{blob}\n" for blob in sorted(set(blobs)))
    listed = await git.check("cat-file", "--batch-check", input_bytes=lines.encode("ascii"))
    columns = [line.split(" ") for line in listed.text.splitlines()]
    return {line[0]: int(line[2]) for line in columns if len(line) == 3}


async def list_folder_at(git: Git, commit: str, path: str) -> dict[str, bool] | None:
    """Names below `path` in `commit`, true for regular files; None where `path` is not there.

    The one name "" stands for `path` itself where it is no folder, or leads through a link. Raises InvalidStateError where
    an object on the way is not what its id says.
    """
    header, _, _ = (await _read(git, "commit", commit)).partition(b"\n")
    mode, identifier = _FOLDER, header.removeprefix(b"tree ").decode("ascii")
    for part in path.encode("utf-8").split(b"/"):
        if mode != _FOLDER:
            # What lies behind a link or in a submodule is not in the commit, and yet is there.
            return None if mode in _FILES else {"": False}
        found = _entry(await _read(git, "tree", identifier), part, len(identifier) // 2)
        if found is None:
            return None
        mode, identifier = found
    if mode != _FOLDER:
        return {"": mode in _FILES}
    names = _names(await _read(git, "tree", identifier), len(identifier) // 2)
    return {name.decode("utf-8", "surrogateescape"): each in _FILES for each, name in names}


async def read_file_at(git: Git, commit: str, path: str, max_bytes: int) -> bytes | None:
    """The content of a regular file in `commit`; None where it has none of at most `max_bytes`.

    Raises InvalidStateError where an object on the way is not what its id says.
    """
    header, _, _ = (await _read(git, "commit", commit)).partition(b"\n")
    mode, identifier = _FOLDER, header.removeprefix(b"tree ").decode("ascii")
    for part in path.encode("utf-8").split(b"/"):
        if mode != _FOLDER:
            return None
        found = _entry(await _read(git, "tree", identifier), part, len(identifier) // 2)
        if found is None:
            return None
        mode, identifier = found
    if mode not in _FILES:
        return None
    size = (await blob_sizes(git, [identifier])).get(identifier)
    if size is None:
        raise _forged()
    return await _read(git, "blob", identifier) if size <= max_bytes else None


def _names(tree: bytes, id_bytes: int) -> list[tuple[bytes, bytes]]:
    """Mode and name of everything in the raw form of a tree."""
    names: list[tuple[bytes, bytes]] = []
    at = 0
    while at < len(tree):
        end = tree.index(b"\0", at)
        mode, _, name = tree[at:end].partition(b" ")
        names.append((mode, name))
        at = end + 1 + id_bytes
    return names


def _entry(tree: bytes, name: bytes, id_bytes: int) -> tuple[bytes, str] | None:
    """Mode and object id of one name in the raw form of a tree: `mode SP name NUL id`, repeated."""
    at = 0
    while at < len(tree):
        end = tree.index(b"\0", at)
        mode, _, entry = tree[at:end].partition(b" ")
        at = end + 1 + id_bytes
        if entry == name:
            return mode, tree[end + 1 : at].hex()
    return None


async def _read(git: Git, kind: str, identifier: str) -> bytes:
    found = await git.run("cat-file", kind, identifier)
    content = found.output
    algorithm = "sha1" if len(identifier) == 40 else "sha256"
    digest = hashlib.new(algorithm, f"{kind} {len(content)}\0".encode("ascii"))
    digest.update(content)
    if found.status != 0 or digest.hexdigest() != identifier:
        raise _forged()
    return content


async def _copy(source: Git, target: Git, options: list[str], names: str) -> None:
    packed = await source.run(
        "pack-objects", "--stdout", "--quiet", "--window=0", *options, input_bytes=names.encode()
    )
    if packed.status != 0:
        raise _forged()
    if (await target.run("index-pack", "--stdin", input_bytes=packed.output)).status != 0:
        raise _forged()


async def _missing(git: Git, blobs: list[str]) -> list[str]:
    present = await blob_sizes(git, blobs)
    return [blob for blob in blobs if blob not in present]


def _forged() -> InvalidStateError:
    return InvalidStateError(
        "the repository's objects of the base commit were changed: they are not what their ids say",
        remedy="run `git fsck` in the repository and restore the objects from a clone",
    )
