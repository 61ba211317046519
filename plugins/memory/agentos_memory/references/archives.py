"""Members of zip and tar archives, read in memory; nothing is ever unpacked to disk.

Sizes that an archive states are not believed: what comes out of it is counted. Above: bundles.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import IO

SUFFIXES = (".whl", ".jar", ".zip", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar")
MAX_UNPACKED_BYTES = 512 * 1024 * 1024
MAX_KEPT_BYTES = 192 * 1024 * 1024
MAX_MEMBERS = 50_000
MAX_MEMBER_BYTES = 4 * 1024 * 1024

_DAMAGED = (
    zipfile.BadZipFile, tarfile.TarError, OSError, EOFError, zlib.error, lzma.LZMAError,
    NotImplementedError, RuntimeError,
)  # fmt: skip


def is_bundle(name: str) -> bool:
    """Whether a file of this name is an archive that is read."""
    return name.lower().endswith(SUFFIXES)


def read_members(
    content: bytes, wants: Callable[[str], bool], too_large: list[str] | None = None
) -> Mapping[str, bytes]:
    """The wanted regular files of at most MAX_MEMBER_BYTES, by their path in the archive.

    `too_large` takes the paths of wanted files that are larger.

    Raises ValueError for a damaged or encrypted archive, one with a path that leads out of it, and
    one that unpacks beyond a limit.
    """
    members = _zip_members if content.startswith(b"PK") else _tar_members
    found: dict[str, bytes] = {}
    kept = 0
    try:
        for number, (name, data) in enumerate(members(content, wants)):
            if number >= MAX_MEMBERS:
                raise ValueError(f"it has more than {MAX_MEMBERS} members, which is the limit")
            if data is None or len(data) > MAX_MEMBER_BYTES:
                if data is not None and too_large is not None:
                    too_large.append(name)
                continue
            kept += len(data)
            if kept > MAX_KEPT_BYTES:
                raise ValueError(f"its texts unpack to more than {MAX_KEPT_BYTES} bytes: the limit")
            found[name] = data
    except _DAMAGED as error:
        raise ValueError(f"it is a damaged or encrypted archive ({error})") from error
    return found


def _checked(name: str) -> str:
    """The path as it stands in the archive; a hostile one spoils the whole of it."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or (path.parts[:1] and ":" in path.parts[0]):
        raise ValueError(f"it has a member that lies outside of it: {name[:200]!r}")
    return str(path)


def _zip_members(
    content: bytes, wants: Callable[[str], bool]
) -> Iterator[tuple[str, bytes | None]]:
    unpacked = 0
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for info in archive.infolist():
            name = _checked(info.filename)
            # Links say so in the upper half of their attributes.
            is_link = (info.external_attr >> 28) == 0o12
            if info.is_dir() or is_link or not wants(name):
                yield name, None
                continue
            with archive.open(info) as member:
                data = member.read(MAX_MEMBER_BYTES + 1)
            unpacked += len(data)
            if unpacked > MAX_UNPACKED_BYTES:
                raise ValueError(_TOO_LARGE)
            yield name, data


def _tar_members(
    content: bytes, wants: Callable[[str], bool]
) -> Iterator[tuple[str, bytes | None]]:
    with tarfile.open(fileobj=_Counted(_unpacking(content)), mode="r|") as archive:
        for info in archive:
            name = _checked(info.name)
            member = archive.extractfile(info) if info.isreg() and wants(name) else None
            yield name, None if member is None else member.read(MAX_MEMBER_BYTES + 1)


def _unpacking(content: bytes) -> IO[bytes]:
    raw = io.BytesIO(content)
    if content.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(fileobj=raw)  # type: ignore[return-value]
    if content.startswith(b"BZh"):
        return bz2.BZ2File(raw)
    if content.startswith(b"\xfd7zXZ"):
        return lzma.LZMAFile(raw)
    return raw


class _Counted(io.RawIOBase):
    """What is read from it in all has a limit."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._unpacked = 0

    def read(self, size: int = -1, /) -> bytes:
        data = self._stream.read(size)
        self._unpacked += len(data)
        if self._unpacked > MAX_UNPACKED_BYTES:
            raise ValueError(_TOO_LARGE)
        return data


_TOO_LARGE = f"it unpacks to more than {MAX_UNPACKED_BYTES} bytes, which is the limit"
