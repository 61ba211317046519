"""What somebody asked `agentos connect` for, and what a client's module answers.

Above: the clients, `connecting`, the command. Below: entries.
"""

from __future__ import annotations

import hashlib
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from agentos.connect.entries import Entry

SERVER = "agentos"
"""The server's name in every client's configuration."""
TOKEN_VARIABLE = "AGENTOS_TOKEN"
HOOK_TIMEOUT_S = 10


class Client(StrEnum):
    """The clients that connect knows."""

    CLAUDE = "claude"
    CODEX = "codex"
    CURSOR = "cursor"
    VSCODE = "vscode"


class Scope(StrEnum):
    """Where the configuration holds: for this user, this project, or this user in this project."""

    USER = "user"
    PROJECT = "project"
    LOCAL = "local"


class Transport(StrEnum):
    """How the client reaches the tools: a server that runs, or one that the client starts."""

    HTTP = "http"
    STDIO = "stdio"


@dataclass(frozen=True, slots=True)
class Request:
    """One connection: between which client, where, and which server."""

    client: Client
    scope: Scope
    transport: Transport
    url: str
    program: tuple[str, ...]
    """The command line of `agentos`, with the global options that this installation needs."""
    variables: Mapping[str, str]
    """Environment that `agentos` needs to find its data folder."""
    user_home: Path
    project: Path
    environment: Mapping[str, str]
    home: Path
    """The data folder."""
    worker: str | None = None
    """Whose the token is; None where it was given to connect, and only the server knows."""
    with_hooks: bool = True

    @property
    def root(self) -> Path:
        """The folder the connection is for: the project's, or the user's."""
        return self.user_home if self.scope is Scope.USER else self.project

    @property
    def is_shared(self) -> bool:
        """Whether the server's entry lies in a file that others get with the repository."""
        return self.scope is Scope.PROJECT

    @property
    def folder(self) -> Path:
        """Where the connection's token and record are kept."""
        where = f"{self.root}\n{self.environment.get('CODEX_HOME', '')}"
        where += f"\n{self.environment.get('CLAUDE_CONFIG_DIR', '')}"
        digest = hashlib.sha256(where.encode()).hexdigest()[:8]
        return self.home / "connections" / f"{self.client}-{self.scope}-{digest}"

    @property
    def token_file(self) -> Path:
        """The file that holds the token and nothing else."""
        return self.folder / "token"

    @property
    def headers_command(self) -> str:
        """The shell command that prints the HTTP headers with the token as JSON."""
        return f"cat {shlex.quote(str(self.folder / 'headers.json'))}"

    @property
    def server_variables(self) -> dict[str, str]:
        """The environment of `agentos mcp` where a client starts it for this user."""
        return {**self.variables, "AGENTOS_TOKEN_FILE": str(self.token_file)}

    def hook_command(self, name: str) -> str:
        """The shell command of the governing hook of a client."""
        assignments = [f"{key}={value}" for key, value in self.variables.items()]
        prefix = ["env", *assignments] if assignments else []
        # Said on the line: a variable could be set by a file of the project that the hook governs.
        words = [*prefix, *self.program, "hook", name, "--home", str(self.home)]
        if self.worker is not None:
            words += ["--worker", self.worker]
        return shlex.join([*words, "--token-file", str(self.token_file)])


@dataclass(frozen=True, slots=True)
class Layout:
    """What belongs where in a client's files, and what is left for the user to do."""

    entries: tuple[Entry, ...]
    bases: tuple[Path, ...]
    """Below these no part of a file's path may be a link."""
    steps: tuple[str, ...] = ()


def export_step(request: Request) -> str:
    """Tells how the variable comes about that shared files refer to."""
    path = shlex.quote(str(request.token_file))
    return f'set the token where the client starts: export {TOKEN_VARIABLE}="$(cat {path})"'


def find_program() -> tuple[str, ...]:
    """The command line that runs this installation's `agentos`, by absolute path."""
    beside = Path(sys.executable).parent / SERVER
    if beside.is_file():
        return (str(beside),)
    found = shutil.which(SERVER)
    return (str(Path(found).absolute()),) if found else (sys.executable, "-m", SERVER)


def find_project(folder: Path) -> Path:
    """The root of the git repository around `folder`, or `folder` itself."""
    try:
        answer = subprocess.run(
            ["git", "-C", str(folder), "rev-parse", "--show-toplevel"],
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
    except (OSError, subprocess.SubprocessError):
        return folder
    top = answer.stdout.removesuffix("\n")
    return Path(top) if answer.returncode == 0 and top else folder
