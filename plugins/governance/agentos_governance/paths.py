"""Where a path really leads: resolved against a workspace, symbolic links included.

Above: judgement, evidence recording. Below: the file system. A path is judged where it leads,
not as it is written; what leads outside the workspace is refused, whatever the contract says.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from agentos import CallRefusedError, InvalidArgumentError

MAX_PATH_CHARACTERS = 4096

# Characters that HFS+ ignores in names; git guards `.git` against the same list.
_IGNORABLE = dict.fromkeys(
    [*range(0x200C, 0x2010), *range(0x202A, 0x202F), *range(0x206A, 0x2070), 0xFEFF]
)


def resolve_path(workspace: Path, path: str, *, for_write: bool, cwd: str = ".") -> str:
    """The repository-relative path, with `/`, that `path` leads to; `.` is the workspace itself.

    Relative paths start at `cwd` (inside the workspace); absolute ones must lie inside. The file
    need not exist; every existing part is resolved. Raises InvalidArgumentError for text that is
    no path, CallRefusedError (rule `workspace` or `git_internals`) for a path that leads out or,
    `for_write`, into `.git`.
    """
    _check_text(path)
    root = os.path.realpath(workspace)
    lexical = os.path.join(root, cwd, path)
    real = os.path.realpath(lexical)
    if real != root and not real.startswith(root.rstrip("/") + "/"):
        raise CallRefusedError(
            f"{path!r} leads outside the workspace",
            rule="workspace",
            remedy="use a path inside the workspace",
        )
    relative = os.path.relpath(real, root)
    _refuse_link_loop(root, relative, path)
    if for_write:
        refuse_git_internals(relative)
        # A link named `.git` may lead anywhere inside; replacing it is as bad as writing in it.
        refuse_git_internals(_written_form(lexical, workspace, root))
    return relative


def _written_form(lexical: str, workspace: Path, root: str) -> str:
    """The path as written, without the part that leads to the workspace itself."""
    written = os.path.normpath(lexical)
    for base in (root, os.path.abspath(workspace)):
        if written.startswith(base.rstrip("/") + "/"):
            return os.path.relpath(written, base)
    return "."


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
    if not path or len(path) > MAX_PATH_CHARACTERS:
        raise InvalidArgumentError(f"a path has 1 to {MAX_PATH_CHARACTERS} characters")
    if "\0" in path:
        raise InvalidArgumentError("a path must not contain NUL")
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        raise InvalidArgumentError("a path must be valid Unicode") from None
    if path.startswith("~"):
        raise CallRefusedError(
            f"{path!r} names a home directory", rule="workspace", remedy="use a relative path"
        )


def _refuse_link_loop(root: str, relative: str, path: str) -> None:
    """Realpath leaves links of a loop in place; nothing behind them can be judged."""
    current = root
    for part in relative.split("/"):
        current = os.path.join(current, part)
        try:
            mode = os.lstat(current).st_mode
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise CallRefusedError(
                f"{path!r} cannot be resolved: {error.strerror}", rule="workspace"
            ) from error
        if stat.S_ISLNK(mode):
            raise CallRefusedError(f"{path!r} runs in a circle of links", rule="workspace")
