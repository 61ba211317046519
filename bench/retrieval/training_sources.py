"""The packages and repositories that the embedding model is trained on, pinned and permissive.

Above: the program that gathers pairs. Below: wheels and git directories that lie at hand; nothing
is downloaded.
"""

from __future__ import annotations

import email
import hashlib
import re
import tarfile
import tomllib
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path, PurePosixPath

from bench.retrieval.sources import MAX_FILE_BYTES, SKIPPED_FOLDERS, Sources, git, is_product_code

SOURCES_FILE = Path(__file__).with_name("training_sources.toml")
PERMISSIVE = frozenset({"MIT", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0"})
_DOCUMENT = re.compile(r"\.(md|rst)$")


@dataclass(frozen=True, slots=True)
class PinnedWheel:
    """A package of PyPI; `file` is the wheel's name, `sha256` its digest."""

    name: str
    version: str
    licence: str
    file: str
    sha256: str


@dataclass(frozen=True, slots=True)
class PinnedRepository:
    """A git repository up to `commit`; `name` is owner/name."""

    name: str
    licence: str
    commit: str


@dataclass(frozen=True, slots=True)
class TrainingSources:
    """Everything that pairs are made of."""

    wheels: Sequence[PinnedWheel]
    repositories: Sequence[PinnedRepository]


def read_training_sources(file: Path = SOURCES_FILE) -> TrainingSources:
    """The pinned sources; ValueError for a licence that is not permissive."""
    rows = tomllib.loads(file.read_text(encoding="utf-8"))
    wheels = [PinnedWheel(**row) for row in rows.get("wheel", ())]
    repositories = [PinnedRepository(**row) for row in rows.get("repository", ())]
    licences = {each.name: each.licence for each in wheels}
    licences |= {each.name: each.licence for each in repositories}
    for name, licence in licences.items():
        if licence not in PERMISSIVE:
            raise ValueError(f"{name} has the licence {licence}")
    return TrainingSources(wheels, repositories)


def wheel_code(pinned: PinnedWheel, folder: Path) -> Sources:
    """Product code of the wheel in `folder`; ValueError where it is another file than pinned."""
    packed = (folder / pinned.file).read_bytes()
    digest = hashlib.sha256(packed).hexdigest()
    if digest != pinned.sha256:
        raise ValueError(f"{pinned.file} has sha256 {digest}, not {pinned.sha256}")
    files: Sources = {}
    with zipfile.ZipFile(BytesIO(packed)) as archive:
        for info in archive.infolist():
            is_code = info.filename.endswith(".py") and is_product_code(info.filename)
            skipped = SKIPPED_FOLDERS & set(PurePosixPath(info.filename).parts)
            if is_code and not skipped and info.file_size <= MAX_FILE_BYTES:
                files[info.filename] = archive.read(info)
    return dict(sorted(files.items()))


def wheel_documents(pinned: PinnedWheel, folder: Path) -> Sources:
    """The wheel's own description of the package."""
    with zipfile.ZipFile(folder / pinned.file) as archive:
        name = next(n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        message = email.message_from_bytes(archive.read(name))
    body = message.get_payload(decode=True)
    return {f"{pinned.name}.md": body} if isinstance(body, bytes) else {}


def repository_documents(folder: Path, revision: str) -> Sources:
    """Markdown and reStructuredText of the repository, without lists of changes."""
    packed = BytesIO(git(folder, "archive", "--format=tar", revision))
    files: Sources = {}
    with tarfile.open(fileobj=packed) as archive:
        for member in archive.getmembers():
            if not member.isfile() or not _is_document(member.name):
                continue
            content = archive.extractfile(member)
            if content is not None and member.size <= MAX_FILE_BYTES:
                files[member.name] = content.read()
    return dict(sorted(files.items()))


def _is_document(path: str) -> bool:
    is_history = re.search(
        r"(?i)change|history|news|whats|release|unreleased|licen[cs]e|i18n", path
    )
    return bool(_DOCUMENT.search(path)) and not is_history
