"""What is wrong with a command that cannot run in a test: it, its options or what it names is missing.

Above: the tests of this folder. Below: `pages`, the command line itself, the Makefile, the project.
"""

from __future__ import annotations

import importlib.util
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path, PurePath
from typing import Any

import typer
from typer.core import TyperCommand

from agentos import Tool
from agentos.cli.app import build_command
from agentos.plugins import default_plugins, load_plugins
from agentos.settings import PREFIX, Settings
from tests.docs.pages import ROOT
from tests.loggers import logging_restored

_OURS = {path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")}
_OTHERS = frozenset(
    {"cd", "claude", "codex", "copier", "git", "install", "pytest", "twine", "useradd"}
)
"""Programs of others, of which only the files of ours that they name are looked at."""


class _Reached(Exception):
    """A command was found and its arguments were read; it does not run."""

    def __init__(self, context: Any) -> None:
        self.name = " ".join(context.command_path.split()[1:])
        self.parameters: Mapping[str, Any] = context.params


def problem_of(words: Sequence[str], page: str = "") -> str | None:
    """Why a reader of `page` could not run this command; None if they can."""
    words = list(words)
    if words[0] == "export":
        del words[0]
    while words and (assigned := re.match(r"([A-Z_]+)=", words[0])):
        name = assigned[1].removeprefix(PREFIX).lower()
        if assigned[1].startswith(PREFIX) and name not in Settings.model_fields:
            return f"there is no setting {name!r}"
        del words[0]
    if not words:
        return None
    missing = [word for word in words[1:] if _is_ours(word) and not (ROOT / word).exists()]
    if missing:
        return f"{missing[0]} does not exist"
    program = PurePath(words[0]).name
    if program in _CHECKS:
        return _CHECKS[program](words[1:], page)
    return None if program in _OTHERS else f"nothing checks the program {program!r}"


def problem_of_mention(words: Sequence[str]) -> str | None:
    """The same of `agentos index` or `make docs` in a sentence, which may leave arguments out."""
    if words[0] == "make":
        return _make(words[1:], "")
    command: Any = build_command()
    context = typer.Context(command)
    path = [words[0]]
    for word in words[1:]:
        if not hasattr(command, "get_command"):
            break
        with logging_restored():
            # Commands of plugins set up the log before they load.
            command = command.get_command(context, word)
        path.append(word)
        if command is None:
            return f"there is no command {' '.join(path)!r}"
    known = {name for parameter in command.params for name in parameter.opts}
    known |= {name for parameter in command.params for name in parameter.secondary_opts}
    given = {word.partition("=")[0] for word in words if word.startswith("--")}
    unknown = sorted(given - known - {"--help"})
    return f"`{' '.join(path)}` has no {unknown[0]}" if unknown else None


def _is_ours(word: str) -> bool:
    return "/" in word and word.partition("/")[0] in _OURS and not re.search(r"[*$]", word)


def _agentos(words: Sequence[str], page: str) -> str | None:
    try:
        _reach(words)
    except _Reached as reached:
        if reached.name == "call":
            return _call(reached.parameters, page)
        return None
    except typer.TyperException as error:
        return error.format_message()
    return "it only prints help"


def _reach(words: Sequence[str]) -> None:
    """Read a command line as the program does, up to where the command would begin."""
    invoke = TyperCommand.invoke

    def stop(command: Any, context: Any) -> None:
        raise _Reached(context)

    TyperCommand.invoke = stop  # type: ignore[method-assign,assignment]
    try:
        # What every command does before it begins is set up the log.
        with logging_restored():
            build_command().main(args=list(words), prog_name="agentos", standalone_mode=False)
    finally:
        TyperCommand.invoke = invoke  # type: ignore[method-assign]


@cache
def _tools() -> dict[str, Tool]:
    listed = load_plugins(default_plugins()).hook.register_tools()
    return {tool.name: tool for tools in listed for tool in tools}


def _call(parameters: Mapping[str, Any], page: str) -> str | None:
    name = parameters["tool"]
    if f"async def {name}(" in page:
        return None
    if name not in _tools():
        return f"there is no tool {name!r}"
    given = [word.partition("=")[0] for word in parameters["words"] or ()]
    fields = _tools()[name].parameters.model_fields
    unknown = [word for word in given if word not in fields]
    return f"{name} has no argument {unknown[0]!r}" if unknown else None


def _make(words: Sequence[str], page: str) -> str | None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"^([a-z]+):", makefile, re.MULTILINE)
    variables = re.findall(r"^([A-Z_]+) \??:?= ?", makefile, re.MULTILINE)
    unknown = [word for word in words if word.partition("=")[0] not in [*targets, *variables]]
    return f"the Makefile has no {unknown[0]!r}" if unknown else None


def _pip(words: Sequence[str], page: str) -> str | None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for word in words:
        asked = re.fullmatch(r"agentos\[(.+)\]", word)
        if asked and asked[1] not in project["optional-dependencies"]:
            return f"agentos has no extra {asked[1]!r}"
    return None


def _python(words: Sequence[str], page: str) -> str | None:
    if words[0] == "-m":
        return _module(words[1:]) if words[1].startswith("bench.") else None
    sources = [path for folder in _OURS for path in (ROOT / folder).glob(f"**/{words[0]}")]
    if not (ROOT / words[0]).is_file() and len(sources) != 1:
        return f"{words[0]} is no file of ours"
    return _options(words, [ROOT / words[0], *sources][-1].read_text(encoding="utf-8"))


def _module(words: Sequence[str]) -> str | None:
    spec = importlib.util.find_spec(words[0])
    if spec is None or spec.origin is None:
        return f"there is no module {words[0]}"
    origin = Path(spec.origin)
    is_package = spec.submodule_search_locations is not None
    sources = origin.parent.glob("*.py") if is_package else [origin]
    return _options(words, "".join(each.read_text(encoding="utf-8") for each in sources))


def _options(words: Sequence[str], source: str) -> str | None:
    unknown = [word for word in words if word.startswith("--") and f'"{word}"' not in source]
    return f"{words[0]} has no {unknown[0]}" if unknown else None


def _docker(words: Sequence[str], page: str) -> str | None:
    return problem_of(words[2:], page) if words[0] == "exec" else None


def _kubectl(words: Sequence[str], page: str) -> str | None:
    manifests = "".join(path.read_text() for path in (ROOT / "deploy/kubernetes").glob("*.yaml"))
    keys = [word.split("=")[1] for word in words if word.startswith("--from-literal=")]
    unused = [key for key in keys if f"key: {key}" not in manifests]
    return f"no manifest reads {unused[0]!r}" if unused else None


def _systemctl(words: Sequence[str], page: str) -> str | None:
    unit = ROOT / f"deploy/systemd/{words[-1]}.service"
    return None if unit.is_file() else f"there is no unit {words[-1]!r}"


_CHECKS: dict[str, Callable[[Sequence[str], str], str | None]] = {
    "agentos": _agentos,
    "make": _make,
    "pip": _pip,
    "python": _python,
    "python3": _python,
    "docker": _docker,
    "kubectl": _kubectl,
    "systemctl": _systemctl,
}
