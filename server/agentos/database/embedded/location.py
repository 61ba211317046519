"""Where a cluster lives: in its data folder, or elsewhere when the server's account cannot enter.

Run by root, PostgreSQL steps down to an account that may not enter the data folder (below /root,
or in a private temporary folder). Nobody's permissions are changed then: the cluster lives below
`/var/lib/agentos`, and the file `cluster-location` in the data folder says where.
Above it: `server`.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import re
import stat
import time
from dataclasses import dataclass
from pathlib import Path

from agentos.database.embedded.account import ServerAccount, account_for
from agentos.database.embedded.locks import exclusive
from agentos.errors import ConfigurationError

SHARED_ROOT = Path("/var/lib/agentos")
POINTER = "cluster-location"
SOCKET_FILE = ".s.PGSQL.5432"
# sun_path holds 104 (macOS) or 108 (Linux) bytes with its terminator.
SOCKET_PATH_LIMIT_BYTES = 100
# Fixed, because TMPDIR differs between processes that must find the same socket.
SHORT_ROOT = Path("/tmp")
LOCK_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Location:
    """The folder of one cluster and the account that owns what the server writes there."""

    directory: Path
    account: ServerAccount

    @property
    def data(self) -> Path:
        return self.directory / "pgdata"

    @property
    def digest(self) -> str:
        """12 hex digits that stand for this cluster in names."""
        return _digest(self.directory, 12)

    @property
    def socket_directory(self) -> Path:
        """Private folder of the socket; a short one in /tmp when the path would not fit."""
        inside = self.directory / "s"
        too_long = len(os.fsencode(inside / SOCKET_FILE)) > SOCKET_PATH_LIMIT_BYTES
        # PostgreSQL and drivers read both characters as separators in lists of sockets.
        if too_long or set(str(inside)) & set(',"'):
            return SHORT_ROOT / f"agentos-{self.digest}"
        return inside

    @property
    def socket_file(self) -> Path:
        return self.socket_directory / SOCKET_FILE


def find_location(data_dir: Path) -> Location | None:
    """Where the cluster of `data_dir` is, without creating anything; None when there is none."""
    data_dir = data_dir.resolve()
    directory = _recorded(data_dir) or data_dir
    if not (directory / "pgdata").is_dir():
        return None
    return Location(directory, account_for(directory / "pgdata"))


def prepare_location(data_dir: Path) -> Location:
    """Where the cluster of `data_dir` is or shall be; folders above it are created.

    Raises ConfigurationError when the account cannot get there, OSError when a folder cannot be
    made.
    """
    data_dir = data_dir.resolve()
    if not data_dir.exists():
        data_dir.mkdir(parents=True, exist_ok=True)
        data_dir.chmod(0o711 if os.geteuid() == 0 else 0o700)
    opened = os.open(data_dir, os.O_RDONLY | os.O_CLOEXEC)
    with exclusive(opened, deadline=time.monotonic() + LOCK_TIMEOUT_S):
        directory = _recorded(data_dir) or data_dir
        account = account_for(directory / "pgdata")
        if not account.reaches(directory):
            if directory != data_dir or (directory / "pgdata").exists():
                raise ConfigurationError(
                    f"the cluster in {directory} cannot be reached by uid {account.uid}, which "
                    "owns it; let that uid enter the folders above, or move the data folder"
                )
            directory = _claim_shared(data_dir)
        return Location(directory, account)


def own_directory(path: Path, account: ServerAccount) -> None:
    """Make `path` a private folder of the account; refuses one that belongs to somebody else."""
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700)
    found = path.lstat()
    if found.st_uid != account.uid and found.st_uid == os.geteuid() == 0:
        account.own(path)
        found = path.lstat()
    is_private = stat.S_ISDIR(found.st_mode) and not found.st_mode & 0o077
    if found.st_uid != account.uid or not is_private:
        raise ConfigurationError(
            f"{path} is not a private folder of uid {account.uid} (owner {found.st_uid}, "
            f"mode {stat.filemode(found.st_mode)}); remove it, or choose another AGENTOS_HOME"
        )


def prepare_shared_root() -> Path:
    """`/var/lib/agentos`, owned by root and closed to listing; only root may ask for it."""
    with contextlib.suppress(FileExistsError):
        SHARED_ROOT.mkdir(mode=0o711)
        SHARED_ROOT.chmod(0o711)
    found = SHARED_ROOT.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != 0 or found.st_mode & 0o022:
        raise ConfigurationError(f"{SHARED_ROOT} must be a folder that only root can write")
    return SHARED_ROOT


def forget_location(data_dir: Path) -> None:
    """Remove the record of where the cluster was, after the cluster has been removed."""
    data_dir.resolve().joinpath(POINTER).unlink(missing_ok=True)


def _recorded(data_dir: Path) -> Path | None:
    try:
        recorded = Path(data_dir.joinpath(POINTER).read_text().strip())
    except FileNotFoundError:
        return None
    # The data folder may belong to a user; root must not follow it anywhere else.
    if recorded.parent != SHARED_ROOT or not re.fullmatch(r"[0-9a-f]{16}(-\d+)?", recorded.name):
        raise ConfigurationError(
            f"{data_dir / POINTER} names {recorded}, which is no cluster below {SHARED_ROOT}; "
            "restore the file, or remove it to begin with an empty database"
        )
    if not recorded.is_dir():
        raise ConfigurationError(
            f"the cluster {recorded} of {data_dir} is gone; restore it, or remove "
            f"{data_dir / POINTER} to begin with an empty database"
        )
    return recorded


def _claim_shared(data_dir: Path) -> Path:
    """A new or still empty folder for `data_dir` below the shared root, recorded in `data_dir`."""
    root, name = prepare_shared_root(), _digest(data_dir, 16)
    # A data folder that was deleted and made again must not find its former data: numbered names.
    names = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
    directory = next(root / each for each in names if not (root / each / "pgdata").exists())
    directory.mkdir(mode=0o711, exist_ok=True)
    directory.chmod(0o711)
    draft = data_dir / f"{POINTER}.part"
    draft.write_text(f"{directory}\n")
    draft.rename(data_dir / POINTER)
    return directory


def _digest(path: Path, length: int) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:length]
