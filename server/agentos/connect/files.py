"""A client's configuration file: read with care, replaced whole, or left alone.

Above: `connecting`. What cannot be read and written safely is refused before anything is written.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from agentos.errors import ConfigurationError

MAX_FILE_BYTES = 16 * 1024 * 1024


def read_text(path: Path, below: Collection[Path]) -> str | None:
    """The file's text; None where there is none.

    ConfigurationError for what is no ordinary file, for a link in the path below `below` (what it
    leads to may be anybody's), for a file or folder that cannot be written, for one over 16 MiB,
    and for what is not UTF-8.
    """
    _refuse_links(path, below)
    try:
        if not path.exists():
            _check_folder(_existing_parent(path))
            return None
        if not path.is_file():
            raise ConfigurationError(f"{path} is not a file; nothing was written")
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ConfigurationError(
                f"{path} is larger than {MAX_FILE_BYTES} bytes; nothing was written"
            )
        _check_writable(path)
        _check_writable(path.parent)
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path} is not UTF-8 text; nothing was written") from None
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}; nothing was written") from error


def require_unchanged(path: Path, text: str | None) -> None:
    """ConfigurationError where the file does not hold `text` any more; None means no file."""
    try:
        found = path.read_bytes()
    except FileNotFoundError:
        found = None
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}; nothing was written") from error
    if found != (None if text is None else text.encode()):
        raise ConfigurationError(
            f"{path} was changed by somebody else meanwhile; nothing was written: run this again"
        )


def write_text(path: Path, text: str | None, *, is_shared: bool) -> None:
    """Replace the file in one step, its mode kept; None removes it. OSError as it comes.

    A new file is for everybody where it `is_shared`, as those of a repository are, else for its
    owner.
    """
    if text is None:
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = _shared_mode() if is_shared else 0o600
    if path.exists():
        mode = path.stat().st_mode & 0o777
    _replace(path, text.encode("utf-8"), mode)


def write_secret(path: Path, data: bytes) -> None:
    """Replace a file that only its owner may read."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    _replace(path, data, 0o600)


def _replace(path: Path, data: bytes, mode: int) -> None:
    """Written beside, flushed to disk, renamed."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise


def _shared_mode() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def _refuse_links(path: Path, below: Collection[Path]) -> None:
    for part in [path, *path.parents]:
        if part in below:
            return
        if part.is_symlink():
            raise ConfigurationError(
                f"{part} is a symbolic link; nothing was written: connect only changes files that "
                "lie where the client looks for them; see `--print` and add it by hand"
            )


def _existing_parent(path: Path) -> Path:
    return next(parent for parent in path.parents if parent.exists())


def _check_folder(path: Path) -> None:
    if not path.is_dir():
        raise ConfigurationError(f"{path} is not a folder; nothing was written")
    _check_writable(path)


def _check_writable(path: Path) -> None:
    if not os.access(path, os.W_OK):
        raise ConfigurationError(f"{path} cannot be written; nothing was written")
