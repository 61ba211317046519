"""The whole act of connecting and of taking it back: token, files, record, in an order that holds.

Above: the command. Below: planning, store, tokens. What can fail is tried before anything is
written; a file that then cannot be written puts the others back and revokes the fresh token.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from agentos.calls import Role
from agentos.canonical import sha256_hex
from agentos.connect.files import require_unchanged, write_text
from agentos.connect.planning import Change
from agentos.connect.request import Request
from agentos.connect.store import (
    FileRecord,
    Record,
    forget,
    load_token,
    save_record,
    save_token,
)
from agentos.errors import ConfigurationError, NotFoundError
from agentos.kernel import Kernel

RENEW_BEFORE = timedelta(days=1)
"""A token that expires sooner is replaced by the next `agentos connect`."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Whom the token is for."""

    worker: str
    role: Role
    person: str | None
    ttl_s: int


@dataclass(frozen=True, slots=True)
class HeldToken:
    """The token of a connection."""

    id: str | None
    secret: str
    expires_at: datetime | None
    is_new: bool
    replaces: str | None = None
    """The id of the one before, which is revoked once the new one is in place."""


async def hold_token(
    kernel: Kernel, request: Request, record: Record | None, holder: Holder
) -> HeldToken:
    """The connection's token: the kept one while it is good for the same holder, else a new one."""
    now = kernel.clock.now()
    kept = load_token(request.folder)
    known = record.token_id if record is not None else None
    info = next((t for t in await kernel.tokens.list() if t.id == known), None)
    if info is not None and kept is not None:
        is_same = (info.worker, info.role, info.person) == (
            holder.worker,
            holder.role,
            holder.person,
        )
        lasts = info.expires_at is None or info.expires_at > now + RENEW_BEFORE
        if is_same and lasts and info.revoked_at is None:
            return HeldToken(info.id, kept, info.expires_at, is_new=False)
    issued = await kernel.tokens.create(
        holder.worker,
        holder.role,
        now=now,
        ttl_s=holder.ttl_s,
        person=holder.person,
        by=kernel.settings.worker,
    )
    return HeldToken(issued.id, issued.secret, issued.expires_at, is_new=True, replaces=known)


async def connect(
    kernel: Kernel | None,
    request: Request,
    record: Record | None,
    changes: Sequence[Change],
    token: HeldToken,
    holder: Holder,
) -> None:
    """Write token, files and record. Without a kernel the token was given, and is nobody's here."""
    try:
        _write(request, record, changes, token, holder)
    except ConfigurationError:
        if kernel is not None and token.is_new and token.id is not None:
            await _revoke(kernel, token.id)
        raise
    except OSError as error:
        if kernel is not None and token.is_new and token.id is not None:
            await _revoke(kernel, token.id)
        raise ConfigurationError(
            f"{error.filename or request.folder}: {error.strerror}; everything is as before"
        ) from error
    _remove_folders(record)
    if kernel is not None and token.replaces is not None:
        await _revoke(kernel, token.replaces)


async def disconnect(
    kernel: Kernel | None, request: Request, record: Record | None, changes: Sequence[Change]
) -> bool:
    """Revoke the token and take everything out; whether a token was revoked."""
    _require_unchanged(changes)
    token_id = record.token_id if record is not None else None
    if kernel is not None and token_id is not None:
        await _revoke(kernel, token_id)
    try:
        _write_files(changes, is_shared=request.is_shared)
    except OSError as error:
        raise ConfigurationError(
            f"{error.filename}: {error.strerror}; the files are as before, the token is revoked"
        ) from error
    _remove_folders(record)
    forget(request.folder)
    return token_id is not None and kernel is not None


def _remove_folders(record: Record | None) -> None:
    """Remove those folders made for the connection that are empty now."""
    for file in record.files if record is not None else ():
        for folder in file.folders:
            with suppress(OSError):
                Path(folder).rmdir()


async def _revoke(kernel: Kernel, token_id: str) -> None:
    # Unknown to this database: it was replaced, and the token with it.
    with suppress(NotFoundError):
        await kernel.tokens.revoke(token_id, now=kernel.clock.now(), by=kernel.settings.worker)


def _write(
    request: Request,
    record: Record | None,
    changes: Sequence[Change],
    token: HeldToken,
    holder: Holder,
) -> None:
    _require_unchanged(changes)
    earlier = load_token(request.folder)
    made = {file.path: file.folders for file in (record.files if record is not None else ())}
    made |= {str(c.path): _missing_folders(c.path) for c in changes if str(c.path) not in made}
    save_token(request.folder, token.secret)
    try:
        _write_files(changes, is_shared=request.is_shared)
        kept = [change for change in changes if change.undos]
        written = Record(
            client=request.client.value,
            scope=request.scope.value,
            transport=request.transport.value,
            url=request.url,
            worker=holder.worker,
            role=holder.role.value,
            person=holder.person,
            token_id=token.id,
            files=tuple(_file_record(change, made[str(change.path)]) for change in kept),
        )
        texts = {str(c.path): c.before for c in kept if c.before is not None}
        save_record(request.folder, written, texts)
    except OSError:
        _put_back(changes, is_shared=request.is_shared)
        if earlier is None:
            forget(request.folder)
        else:
            save_token(request.folder, earlier)
        raise


def _require_unchanged(changes: Sequence[Change]) -> None:
    """ConfigurationError where a client wrote a file since the change was planned."""
    for change in changes:
        if change.is_change:
            require_unchanged(change.path, change.now)


def _file_record(change: Change, folders: tuple[str, ...]) -> FileRecord:
    assert change.after is not None
    return FileRecord(
        path=str(change.path),
        existed=change.before is not None,
        sha256=sha256_hex(change.after.encode()),
        undos=change.undos,
        folders=folders,
    )


def _write_files(changes: Sequence[Change], *, is_shared: bool) -> None:
    written: list[Change] = []
    try:
        for change in changes:
            if change.is_change:
                written.append(change)
                write_text(change.path, change.after, is_shared=is_shared)
    except OSError:
        _put_back(written, is_shared=is_shared)
        raise


def _put_back(changes: Sequence[Change], *, is_shared: bool) -> None:
    for change in changes:
        if change.is_change:
            with suppress(OSError):
                write_text(change.path, change.now, is_shared=is_shared)


def _missing_folders(path: Path) -> tuple[str, ...]:
    return tuple(str(parent) for parent in path.parents if not parent.exists())
