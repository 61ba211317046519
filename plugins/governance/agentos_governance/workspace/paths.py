"""Where a path really leads: resolved against a workspace, symbolic links included.

Above: judgement, evidence recording. Below: the file system. A path is judged where it leads,
not as it is written; what leads outside the workspace is refused, whatever the contract says.
"""

from __future__ import annotations

import os
import re
import stat
import unicodedata
from collections import OrderedDict
from functools import cached_property
from pathlib import Path
from urllib.parse import unquote

from agentos import CallRefusedError, InvalidArgumentError

MAX_PATH_CHARACTERS = 4096
MAX_LINKS_IN_LINKS = 40
"""Links whose targets lead through links, as deep as Linux follows them."""
MAX_STEPS = 20_000
"""Names that one resolver reads, those in links included."""
MAX_REMEMBERED_FOLDERS = 1_000

# Characters that HFS+ ignores in names; git guards `.git` against the same list.
_IGNORABLE = dict.fromkeys(
    [*range(0x200C, 0x2010), *range(0x202A, 0x202F), *range(0x206A, 0x2070), 0xFEFF]
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class PathResolver:
    """Resolves paths in one workspace; links and folders that it has seen are not read again.

    Keep it while one call is judged, by contracts and policies, not longer: the workspace changes.
    Not safe for several threads at once.
    """

    def __init__(self, workspace: Path) -> None:
        self._workspace = os.fspath(workspace)
        self._root = ""
        self._resolved: dict[tuple[str, bool, str], str] = {}
        self._real: dict[tuple[str, str], str] = {}
        self._being_followed: set[tuple[str, str]] = set()
        self._n_steps = 0

    @cached_property
    def starts_at_link(self) -> bool:
        """Whether the workspace is a link, which may lead anywhere by now."""
        return os.path.islink(self._workspace)

    def resolve(self, path: str, *, for_write: bool, cwd: str = ".") -> str:
        """The repository-relative path, with `/`, that `path` leads to; `.` is the workspace.

        Relative paths start at `cwd` (inside the workspace); absolute ones must lie inside. The
        file need not exist; every existing part is resolved. Raises InvalidArgumentError for text
        that is no path, CallRefusedError (rule `workspace` or `git_internals`) for a path that
        leads out or, `for_write`, into `.git` or to a file with several names.
        """
        asked = (path, for_write, cwd)
        found = self._resolved.get(asked)
        if found is None:
            found = self._resolved[asked] = self._resolve(path, for_write=for_write, cwd=cwd)
        return found

    def _resolve(self, path: str, *, for_write: bool, cwd: str) -> str:
        _check_text(path)
        if not self._root:
            self._root = _real_folder(self._workspace)
        start = self._root if path.startswith("/") else self._walk(self._root, cwd, path)
        real = self._walk(start, path, path)
        if not _is_below(real, self._root):
            raise CallRefusedError(
                f"{path!r} leads outside the workspace",
                rule="workspace",
                remedy="use a path inside the workspace",
            )
        relative = _relative_to(real, self._root)
        if for_write:
            refuse_git_internals(relative)
            # A link named `.git` may lead anywhere inside; replacing it is as bad as writing in it.
            refuse_git_internals(self._written_form(os.path.join(self._root, cwd, path)))
            _refuse_hard_link(real, path)
        return relative

    def _walk(self, start: str, text: str, path: str) -> str:
        """Where `text`, read from the resolved folder `start`, leads; `path` is for messages."""
        current = "/" if text.startswith("/") else start
        for name in text.split("/"):
            self._n_steps += 1
            if self._n_steps > MAX_STEPS:
                raise CallRefusedError(
                    f"{path!r} leads through more than {MAX_STEPS} folders and links",
                    rule="workspace",
                    remedy="write paths without detours, and fewer of them in one action",
                )
            if name == "..":
                current = os.path.dirname(current)
            elif name not in {"", "."}:
                current = self._real.get((current, name)) or self._step(current, name, path)
        return current

    def _step(self, folder: str, name: str, path: str) -> str:
        key = (folder, name)
        if key in self._being_followed or len(self._being_followed) >= MAX_LINKS_IN_LINKS:
            raise CallRefusedError(f"{path!r} runs in a circle of links", rule="workspace")
        real = f"{folder.rstrip('/')}/{name}"
        target = _link_target(real, path)
        if target is not None:
            self._being_followed.add(key)
            try:
                real = self._walk(folder, target, path)
            finally:
                self._being_followed.remove(key)
        self._real[key] = real
        return real

    def _written_form(self, lexical: str) -> str:
        """The path as written, without the part that leads to the workspace itself."""
        written = os.path.normpath(lexical)
        bases = (self._root, os.path.abspath(self._workspace))
        base = next((base for base in bases if _is_below(written, base)), written)
        return _relative_to(written, base)


class Place:
    """Where the paths of one action lead: into a workspace, or nowhere but their own text.

    `is_strict` refuses writes where there is no workspace; `resolver` is one that others who judge
    the same call have used for the same workspace. Keep it for one judgement.
    """

    def __init__(
        self, workspace: Path | None, *, is_strict: bool, resolver: PathResolver | None = None
    ) -> None:
        self.workspace = workspace
        self._is_strict = is_strict
        self._resolver = resolver
        if resolver is None and workspace is not None:
            self._resolver = PathResolver(workspace)

    def resolve(self, path: str, *, for_write: bool, cwd: str) -> str:
        """The repository-relative path; raises as `PathResolver.resolve` does."""
        if self._resolver is not None:
            return self._resolver.resolve(path, for_write=for_write, cwd=cwd)
        if for_write and self._is_strict:
            raise CallRefusedError(
                "there is no workspace to write in",
                rule="workspace",
                remedy="claim the work order first; the claim returns its workspace",
            )
        # The path by itself first: joining would hide that it is empty or names a home directory.
        relative = normalise_path(path)
        if cwd != ".":
            relative = normalise_path(os.path.join(cwd, path))
        if for_write:
            refuse_git_internals(relative)
        return relative


_folders: OrderedDict[str, tuple[str, int, int]] = OrderedDict()


def _real_folder(folder: str) -> str:
    """The real path of a folder, remembered as long as it is the same folder.

    Following its links takes a system call for each part; asking whether it is the same takes one.
    """
    known = _folders.get(folder)
    if known is not None:
        real, *identity = known
        is_same = real == folder or _identity(folder, follow=True) == tuple(identity)
        if is_same and _identity(real) == tuple(identity):
            return real
    real = os.path.realpath(folder)
    found = _identity(real)
    if found is not None:
        _folders[folder] = (real, *found)
        if len(_folders) > MAX_REMEMBERED_FOLDERS:
            _folders.popitem(last=False)
    return real


def _identity(folder: str, *, follow: bool = False) -> tuple[int, int] | None:
    """Device and number of a folder; None for what is none."""
    try:
        status = os.stat(folder) if follow else os.lstat(folder)
    except OSError:
        return None
    return (status.st_dev, status.st_ino) if stat.S_ISDIR(status.st_mode) else None


def resolve_path(workspace: Path, path: str, *, for_write: bool, cwd: str = ".") -> str:
    """One path, as `PathResolver.resolve` gives it."""
    return PathResolver(workspace).resolve(path, for_write=for_write, cwd=cwd)


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _relative_to(path: str, folder: str) -> str:
    return path[len(folder) :].lstrip("/") or "."


def _link_target(path: str, asked: str) -> str | None:
    """What the link at `path` holds; None for what is no link, or not there."""
    try:
        return os.readlink(path) if stat.S_ISLNK(os.lstat(path).st_mode) else None
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise CallRefusedError(
            f"{asked!r} cannot be resolved: {error.strerror}", rule="workspace"
        ) from error


def _refuse_hard_link(real: str, asked: str) -> None:
    """What is written to a file with several names may be written outside the workspace."""
    try:
        status = os.lstat(real)
    except OSError:
        return
    if stat.S_ISREG(status.st_mode) and status.st_nlink > 1:
        raise CallRefusedError(
            f"{asked!r} is a hard link: the file has {status.st_nlink} names, perhaps outside the "
            "workspace",
            rule="workspace",
            remedy="put a copy in its place: cp FILE COPY && mv COPY FILE",
        )


def normalise_path(path: str) -> str:
    """`path` as a repository-relative path by its text alone, for calls that touch no file system.

    Raises as `resolve_path` does.
    """
    _check_text(path)
    relative = os.path.normpath(path)
    if relative.startswith(("/", "../")) or relative == "..":
        raise CallRefusedError(f"{path!r} leads outside the repository", rule="workspace")
    return relative


def is_git_internal(path: str) -> bool:
    """Whether any folder or file of `path` is `.git`, under any spelling a file system may fold."""
    return any(_folds_to_git(part) for part in path.split("/"))


def refuse_git_internals(path: str) -> None:
    """Raises CallRefusedError when `path` is, or is below, a `.git`: hooks and config run code."""
    if is_git_internal(path):
        raise CallRefusedError(
            f"{path!r} is git's own data; hooks and configuration there run code",
            rule="git_internals",
            remedy="use git commands instead of writing below .git",
        )


def _folds_to_git(part: str) -> bool:
    # NTFS drops trailing dots and spaces, reads `:` as a stream, and has the short name GIT~1.
    folded = part.translate(_IGNORABLE).casefold().split(":")[0].rstrip(". ")
    return folded in {".git", "git~1"}


def _check_text(path: str) -> None:
    if _is_plain(path):
        return
    if not path or len(path) > MAX_PATH_CHARACTERS:
        raise InvalidArgumentError(f"a path has 1 to {MAX_PATH_CHARACTERS} characters")
    if "\0" in path:
        raise InvalidArgumentError("a path must not contain NUL")
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        raise InvalidArgumentError("a path must be valid Unicode") from None
    if _CONTROL.search(path):
        raise CallRefusedError(
            f"{path!r} contains a control character",
            rule="workspace",
            remedy="use names without line breaks and other control characters",
        )
    if path.startswith("~"):
        raise CallRefusedError(
            f"{path!r} names a home directory", rule="workspace", remedy="use a relative path"
        )
    if any(map(_is_disguised_step, path.split("/"))):
        raise CallRefusedError(
            f"{path!r} holds what other programs read as a step to another folder",
            rule="workspace",
            remedy="write '..' and '/' plainly, or not at all",
        )


def _is_plain(path: str) -> bool:
    """Whether nothing in a path needs a closer look: most have letters, dots and slashes only."""
    return (
        0 < len(path) <= MAX_PATH_CHARACTERS
        and path.isascii()
        and path.isprintable()
        and path[0] != "~"
        and "%" not in path
        and "\\" not in path
    )


def _is_disguised_step(part: str) -> bool:
    """Whether a name, decoded as URLs, Windows or compatibility forms are, is a path by itself."""
    if part.isascii() and "%" not in part and "\\" not in part:
        return False
    plain = unicodedata.normalize("NFKC", unquote(part))
    steps = re.split(r"[/\\]", plain)
    return part not in {".", ".."} and (".." in steps or "/" in plain)
