"""What the data folder keeps of a connection: the token, and how to take everything out again.

Above: `planning`, `connecting`. Below: files. One folder a connection, for its owner only.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from agentos.connect.entries import Undo
from agentos.connect.files import write_secret
from agentos.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class FileRecord:
    """One file of the client that connect changed."""

    path: str
    existed: bool
    sha256: str
    """Of the text that connect wrote; while it is the same, the text before can be put back."""
    undos: tuple[Undo, ...]
    folders: tuple[str, ...] = ()
    """Folders that were made for it, innermost first."""


@dataclass(frozen=True, slots=True)
class Record:
    """One connection as it was made."""

    client: str
    scope: str
    transport: str
    url: str
    worker: str
    role: str
    person: str | None
    token_id: str | None
    """None where the token was given to connect, which then does not revoke it either."""
    files: tuple[FileRecord, ...]


def load_record(folder: Path) -> Record | None:
    """The record of a connection; None where there is none. ConfigurationError for a broken one."""
    path = folder / "connection.json"
    try:
        return _record(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(
            f"{path} cannot be read ({type(error).__name__}); remove it, and revoke the token that "
            "`agentos token list` shows"
        ) from error


def save_record(folder: Path, record: Record, texts: dict[str, str]) -> None:
    """Keep a record and, by path, the texts that the files had before."""
    for number, file in enumerate(record.files):
        if file.path in texts:
            write_secret(_before(folder, number), texts[file.path].encode())
    write_secret(folder / "connection.json", json.dumps(asdict(record), indent=1).encode())


def load_before(folder: Path, record: Record, path: str) -> str | None:
    """The text that a file had before; None where it was not kept."""
    number = next(n for n, file in enumerate(record.files) if file.path == path)
    try:
        return _before(folder, number).read_bytes().decode()
    except OSError:
        return None


def save_token(folder: Path, secret: str) -> None:
    """Keep the token, alone and as HTTP headers, for the programs that read either."""
    write_secret(folder / "token", f"{secret}\n".encode())
    headers = {"Authorization": f"Bearer {secret}"}
    write_secret(folder / "headers.json", json.dumps(headers).encode())


def load_token(folder: Path) -> str | None:
    """The kept token, if there is one."""
    try:
        return (folder / "token").read_text(encoding="utf-8").strip() or None
    except OSError:
        return None


def forget(folder: Path) -> None:
    """Remove everything that is kept of a connection."""
    shutil.rmtree(folder, ignore_errors=True)


def _before(folder: Path, number: int) -> Path:
    return folder / "before" / str(number)


def _record(document: dict[str, Any]) -> Record:
    files = tuple(
        FileRecord(
            path=file["path"],
            existed=file["existed"],
            sha256=file["sha256"],
            undos=tuple(_undo(undo) for undo in file["undos"]),
            folders=tuple(file["folders"]),
        )
        for file in document.pop("files")
    )
    return Record(**document, files=files)


def _undo(document: dict[str, Any]) -> Undo:
    mark = document["mark"]
    return Undo(
        keys=tuple(document["keys"]),
        mark=None if mark is None else (mark[0], mark[1]),
        previous=document["previous"],
        made=tuple(tuple(keys) for keys in document["made"]),
    )
