"""Git as a subprocess that nothing in a repository can turn into something else.

Above: plugins that read or make working trees. Below: the git program. No shell, no hooks, no
user or system configuration, no network, no replacement objects. A worker may write a
repository's configuration, so nothing in it may run a program here; commands that check files
out or add them need `without_filters` as well.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from agentos.errors import InvalidArgumentError, InvalidStateError, UnavailableError

DEFAULT_TIMEOUT_S = 120.0

_OVERRIDES = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.untrackedCache=false",
    "core.excludesFile=/dev/null",
    "core.attributesFile=/dev/null",
    "core.fileMode=true",
    "core.symlinks=true",
    "core.sparseCheckout=false",
    "core.quotePath=true",
    "protocol.ext.allow=never",
    # A signature is checked by a program that the repository's configuration names.
    "log.showSignature=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "submodule.recurse=false",
    # Ownership by another user is usual in containers; what it guards against is off above.
    "safe.directory=*",
)

_OBJECT_ID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_BRANCH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,199}")


@dataclass(frozen=True, slots=True)
class GitResult:
    """Exit status and raw output of one git run."""

    status: int
    output: bytes
    errors: str

    @property
    def text(self) -> str:
        """The output as text, without the final newline; undecodable bytes survive as surrogates."""
        return self.output.decode("utf-8", "surrogateescape").rstrip("\n")


@dataclass(frozen=True, slots=True)
class Git:
    """Git commands in one folder, with one environment; `settings` are extra `-c` values."""

    folder: Path
    settings: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    timeout_s: float = DEFAULT_TIMEOUT_S

    async def run(self, *arguments: str, input_bytes: bytes = b"") -> GitResult:
        """One git command, whatever its exit status.

        Raises UnavailableError when it exceeds the time limit (it is killed) or git is missing,
        InvalidArgumentError when an argument contains NUL.
        """
        if any("\0" in argument for argument in arguments):
            raise InvalidArgumentError("a git argument must not contain NUL")
        options = [part for item in (*_OVERRIDES, *self.settings) for part in ("-c", item)]
        try:
            process = await asyncio.create_subprocess_exec(
                "git",
                "--no-pager",
                *options,
                *arguments,
                cwd=self.folder,
                env={**_base_environment(), **self.environment},
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,
            )
        except FileNotFoundError as error:
            missing = "git" if self.folder.is_dir() else str(self.folder)
            raise UnavailableError(f"{missing} is not there; git commands need it") from error
        return await self._communicate(process, arguments, input_bytes)

    async def check(self, *arguments: str, input_bytes: bytes = b"") -> GitResult:
        """One git command that must succeed; raises InvalidStateError with git's own message."""
        result = await self.run(*arguments, input_bytes=input_bytes)
        if result.status != 0:
            raise InvalidStateError(f"git {arguments[0]} failed: {result.errors[-500:].strip()}")
        return result

    async def _communicate(
        self, process: asyncio.subprocess.Process, arguments: Sequence[str], input_bytes: bytes
    ) -> GitResult:
        try:
            async with asyncio.timeout(self.timeout_s):
                output, errors = await process.communicate(input_bytes)
        except TimeoutError:
            raise UnavailableError(
                f"git {arguments[0]} took longer than {self.timeout_s:g} s and was stopped"
            ) from None
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        return GitResult(process.returncode or 0, output, errors.decode("utf-8", "replace"))


def _base_environment() -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", "/usr/local/bin:/usr/bin:/bin"),
        "HOME": "/nonexistent",
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_SYSTEM": "/dev/null",
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_NO_REPLACE_OBJECTS": "1",
        # A repository may declare itself a partial clone; a missing object would be fetched with
        # whatever program its configuration names as transport.
        "GIT_NO_LAZY_FETCH": "1",
        # Environment wins over every protocol.*.allow that a repository may set.
        "GIT_ALLOW_PROTOCOL": "none",
        "GIT_EDITOR": "false",
        "GIT_SSH_COMMAND": "false",
        "GIT_SSH": "false",
        "GIT_ASKPASS": "false",
    }


def check_object_id(value: str) -> str:
    """`value` if it is a full object id; raises InvalidArgumentError, so no option can pass."""
    if not _OBJECT_ID.fullmatch(value):
        raise InvalidArgumentError(f"{value[:80]!r} is not a full commit id")
    return value


def check_branch(value: str) -> str:
    """`value` if it is a plain branch name; raises InvalidArgumentError, so no option can pass."""
    parts = value.split("/")
    if (
        not _BRANCH.fullmatch(value)
        or ".." in value
        or any(not part or part.startswith(".") or part.endswith((".lock", ".")) for part in parts)
    ):
        raise InvalidArgumentError(
            f"{value[:80]!r} is not a branch name (letters, digits, '.', '_', '-', '/')"
        )
    return value


async def without_filters(git: Git) -> Git:
    """The same git with every filter driver of the repository's configuration switched off."""
    result = await git.run("config", "--name-only", "-z", "--get-regexp", r"^filter\.")
    names = {
        name.rpartition(".")[0]
        for name in result.output.decode("utf-8", "surrogateescape").split("\0")
        if name
    }
    settings = [
        f"{name}.{key}" for name in sorted(names) for key in ("clean=", "smudge=", "process=")
    ]
    settings += [f"{name}.required=false" for name in sorted(names)]
    return Git(git.folder, (*git.settings, *settings), git.environment, git.timeout_s)
