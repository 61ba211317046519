"""The language servers that can be used when they are installed, and where they are found.

A server is a program that somebody installed on this machine: it is looked for where a setting
says or on PATH, never in the repository that it is shown.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

VERSION_TIMEOUT_S = 10.0
# Node servers keep to it by their own collector; gopls by the Go runtime's.
MEMORY_LIMIT_MB = 3072
MAX_PACKAGE_DEPTH = 3


@dataclass(frozen=True, slots=True)
class LanguageServer:
    """One server program: how it is started and what it is told.

    `languages` are names of `agentos_memory.languages`, each with the protocol's language id.
    `settings` answer `workspace/configuration` by section. `files` gives, for the names at the
    repository's root, files that are written beside a mirror of it, never into it; `needs_open`
    says that it only answers about opened documents.
    `least_version` guards a program whose older versions know no such mode. `find_own` gives, for
    the path of the program, further options that keep it from running code of the repository; a
    program for which it gives None is not used.
    """

    name: str
    program: str
    arguments: tuple[str, ...]
    languages: Mapping[str, str]
    options: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    files: Callable[[Sequence[str]], Mapping[str, str]] | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    needs_open: bool = False
    least_version: int = 0
    find_own: Callable[[Path], Mapping[str, Any] | None] | None = None


@dataclass(frozen=True, slots=True)
class InstalledServer:
    """A server with the absolute path of its program."""

    server: LanguageServer
    program: Path

    @property
    def options(self) -> Mapping[str, Any]:
        """What it is told when it is initialized."""
        own = self.server.find_own(self.program) if self.server.find_own is not None else None
        return {**self.server.options, **(own or {})}

    @property
    def version(self) -> str:
        """The version in the package that the program belongs to; empty where there is none."""
        for folder in self.program.resolve().parents[:MAX_PACKAGE_DEPTH]:
            try:
                package = json.loads((folder / "package.json").read_text(encoding="utf-8"))
                return str(package["version"])[:40]
            except (OSError, ValueError, LookupError, TypeError):
                continue
        return ""

    @property
    def command(self) -> list[str]:
        """What is run."""
        return [str(self.program), *self.server.arguments]


_NODE = {"NODE_OPTIONS": f"--max-old-space-size={MEMORY_LIMIT_MB}"}
_PYTHON = {"python": "python"}
_SCRIPTS = {"typescript": "typescript"}
_ANALYSIS = {
    "diagnosticMode": "openFilesOnly",
    "typeCheckingMode": "off",
    "autoSearchPaths": True,
    "useLibraryCodeForTypes": True,
}


def _pyright_configuration(entries: Sequence[str]) -> Mapping[str, str]:
    """It wins over [tool.pyright] of the repository, whose `include` often leaves out tests."""
    configuration = {
        # Links are followed only where they are named.
        "include": list(entries),
        "exclude": ["**/node_modules", "**/__pycache__", "**/.*"],
        "typeCheckingMode": "off",
    }
    return {"pyrightconfig.json": json.dumps(configuration)}


def _own_typescript(program: Path) -> Mapping[str, Any] | None:
    """The compiler that is installed beside the server.

    Unless it is told of one it runs `node_modules/typescript` of the repository that it is shown.
    """
    for folder in program.resolve().parents:
        compiler = folder / "node_modules" / "typescript" / "lib" / "tsserver.js"
        if compiler.is_file():
            return {"tsserver": {"useSyntaxServer": "never", "path": str(compiler)}}
    return None


SERVERS: tuple[LanguageServer, ...] = (
    LanguageServer(
        "pyright",
        "pyright-langserver",
        ("--stdio",),
        _PYTHON,
        settings={"python.analysis": _ANALYSIS, "python": {"analysis": _ANALYSIS}},
        files=_pyright_configuration,
        environment=_NODE,
        # Before it has listed all files it answers about others with nothing at all.
        needs_open=True,
    ),
    LanguageServer("ty", "ty", ("server",), _PYTHON, needs_open=True),
    LanguageServer(
        "tsc",
        "tsc",
        ("--lsp", "--stdio"),
        _SCRIPTS,
        needs_open=True,
        # The native compiler; the scripts before it have no such mode.
        least_version=7,
    ),
    LanguageServer(
        "typescript-language-server",
        "typescript-language-server",
        ("--stdio",),
        _SCRIPTS,
        options={
            # It would download declarations.
            "disableAutomaticTypingAcquisition": True,
            "maxTsServerMemory": MEMORY_LIMIT_MB,
            "preferences": {"includeCompletionsForModuleExports": False},
        },
        environment=_NODE,
        needs_open=True,
        find_own=_own_typescript,
    ),
    LanguageServer(
        "gopls",
        "gopls",
        ("serve",),
        {"go": "go"},
        # The module cache is used as it is; nothing is downloaded.
        environment={
            "GOPROXY": "off",
            # Stamping would run git, with the repository's configuration.
            "GOFLAGS": "-mod=readonly -buildvcs=false",
            "GOTOOLCHAIN": "local",
            "GOMEMLIMIT": f"{MEMORY_LIMIT_MB}MiB",
        },
        needs_open=True,
    ),
)


def find_server(
    language: str,
    *,
    programs: Mapping[str, str] | None = None,
    servers: Sequence[LanguageServer] = SERVERS,
    shown: Path | None = None,
) -> InstalledServer | None:
    """The first server for the language that is installed; None when there is none.

    `programs` maps names of servers to their programs and comes before PATH, in which relative
    folders are ignored, and those of `shown`, the repository that it is for. May run a program to
    learn its version.
    """
    configured = programs or {}
    candidates = [server for server in servers if language in server.languages]
    for server in sorted(candidates, key=lambda each: each.name not in configured):
        program = configured.get(server.name) or shutil.which(server.program, path=search_path())
        if program is None or not os.access(program, os.X_OK):
            continue
        if server.name not in configured and shown is not None and _is_in(shown, program):
            continue
        if server.least_version and _major_version(program) < server.least_version:
            continue
        if server.find_own is not None and server.find_own(Path(program)) is None:
            continue
        return InstalledServer(server, Path(program).absolute())
    return None


def search_path() -> str:
    """PATH without relative folders, which would be those of whatever a program runs in."""
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return os.pathsep.join(folder for folder in folders if os.path.isabs(folder))


def _is_in(root: Path, program: str) -> bool:
    """Whether whoever writes into the repository could have put the program there."""
    own = root.resolve()
    return any(
        path.is_relative_to(own) for path in (Path(program).absolute(), Path(program).resolve())
    )


def _major_version(program: str) -> int:
    try:
        shown = subprocess.run(
            [program, "--version"],
            capture_output=True,
            text=True,
            timeout=VERSION_TIMEOUT_S,
            check=False,
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return 0
    found = re.search(r"\d+", shown)
    return int(found.group()) if found else 0
