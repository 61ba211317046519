"""What a call touches, one by one: each path, each program of a command, each file it writes.

Above: deciding. Below: actions, the shell analysis, paths. Policies are asked about each subject;
the call is allowed only if all of them are. What cannot be known is left out of the facts, and a
rule that asks for it denies.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from agentos import CallRefusedError, InvalidArgumentError
from agentos_governance.contracts.actions import (
    Action,
    capabilities_of,
    command_of,
    paths_of,
)
from agentos_governance.rules.tree import CAPABILITIES
from agentos_governance.shell.analysis import SimpleCommand, UnanalysableCommand
from agentos_governance.shell.commands import analyse_command
from agentos_governance.shell.effects import FileUse, needs_network
from agentos_governance.shell.files import file_uses
from agentos_governance.workspace.paths import Place

MAX_SUBJECTS = 600
_DEVICES = frozenset({"/dev/null", "/dev/stdout", "/dev/stderr", "/dev/tty", "/dev/stdin"})


class Subject(NamedTuple):
    """One thing that a call does; None stands for what cannot be known from the call."""

    capability: str
    path: str | None = ""
    command: str | None = ""
    program: str | None = ""
    is_derived: bool = False
    """Read out of a command: rules that speak of it bind, but none has to allow it."""
    leads_to: str | None = ""
    """Where the path leads, also where it is a folder, so that the file is not known."""


def subjects_of(action: Action, place: Place) -> tuple[Subject, ...]:
    """Every subject of an action, each once, in order.

    Raises CallRefusedError where there are more than MAX_SUBJECTS.
    """
    found: dict[Subject, None] = {}
    for subject in _subjects(action, place):
        found[subject] = None
        if len(found) > MAX_SUBJECTS:
            raise CallRefusedError(
                f"the action touches more than {MAX_SUBJECTS} things, and policies judge each",
                rule="policies",
                remedy="do it in parts",
            )
    return tuple(found)


def places_of(action: Action, place: Place) -> list[str]:
    """Where the paths of an action lead, each once with what is done there; `?` is not known."""
    subjects = subjects_of(action, place)
    found = (f"{each.capability} {each.leads_to or '?'}" for each in subjects if each.path != "")
    return list(dict.fromkeys(found))


def _subjects(action: Action, place: Place) -> Iterator[Subject]:
    capabilities: list[str] = sorted(capabilities_of(action))
    if not capabilities:
        # A tool that says nothing about itself may do anything, anywhere.
        for capability in CAPABILITIES:
            yield Subject(capability, None, None, None, leads_to=None)
        return
    command = command_of(action)
    for_write = "write" in capabilities
    resolved = [
        resolved_path(place, path, for_write=for_write, cwd=action.cwd) for path in paths_of(action)
    ]
    for capability in capabilities:
        if capability == "execute" and command is not None:
            yield from _command_subjects(command, action.cwd, place)
            continue
        if not resolved:
            yield Subject(capability)
        for path in resolved:
            yield path_subject(capability, path, place)


def path_subject(capability: str, path: str | None, place: Place) -> Subject:
    """The subject of a resolved path; which file is written is not known where it is a folder."""
    is_unknown = capability == "write" and path is not None and _is_folder(path, place)
    return Subject(capability, None if is_unknown else path, leads_to=path)


def _is_folder(path: str, place: Place) -> bool:
    return place.workspace is not None and (place.workspace / path).is_dir()


def resolved_path(place: Place, path: str, *, for_write: bool, cwd: str = ".") -> str | None:
    """Where a path leads, links included; None where that cannot be told."""
    try:
        return place.resolve(path, for_write=for_write, cwd=cwd)
    except (CallRefusedError, InvalidArgumentError):
        return None


def _command_subjects(text: str, cwd: str, place: Place) -> Iterator[Subject]:
    analysis = analyse_command(text, cwd=cwd)
    if isinstance(analysis, UnanalysableCommand):
        yield Subject("execute", command=None, program=None)
        for capability in ("read", "write", "network"):
            yield Subject(capability, None, None, None, is_derived=True)
        return
    for each in analysis.commands:
        yield from _simple_command_subjects(each, place)
    for use in analysis.file_uses:
        yield from _file_subjects(use, text, "", place)
    if not analysis.commands:
        yield Subject("execute", command=text)


def _simple_command_subjects(each: SimpleCommand, place: Place) -> Iterator[Subject]:
    program: str | None = each.argv[0].text.rpartition("/")[2]
    if not each.argv[0].is_literal:
        program = None
    command: str | None = None
    if each.dynamic_prefix is None:
        command = " ".join([program or "", *(word.text for word in each.argv[1:])])
    yield Subject("execute", command=command, program=program)
    if program is None or needs_network(each.argv):
        yield Subject("network", command=command, program=program, is_derived=True)
    if not each.is_wrapper:
        for use in file_uses(each.argv, each.folders):
            yield from _file_subjects(use, command, program, place)


def _file_subjects(
    use: FileUse, command: str | None, program: str | None, place: Place
) -> Iterator[Subject]:
    if use.path in _DEVICES:
        return
    capability = "write" if use.is_write else "read"
    for folder in sorted(use.folders, key=str):
        leads_to = _used_path(use, folder, place)
        # The one file is not known where it could be any below a folder.
        is_any = leads_to is not None and (use.is_folder or _is_folder(leads_to, place))
        path = None if use.is_write and is_any else leads_to
        if path is None and use.is_data:
            continue
        yield Subject(capability, path, command, program, is_derived=True, leads_to=leads_to)


def _used_path(use: FileUse, folder: str | None, place: Place) -> str | None:
    """Where the path of a use leads; None where it is not known."""
    if use.path is None or (folder is None and not use.path.startswith("/")):
        return None
    return resolved_path(place, use.path, for_write=use.is_write, cwd=folder or ".")
