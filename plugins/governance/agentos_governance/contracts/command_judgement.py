"""May this command line run under this contract? Each command in it is judged on its own.

Above: judgement. Below: commands (parses), forbidden, globs, paths.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable
from dataclasses import dataclass

from agentos import CallRefusedError
from agentos_governance.contracts.actions import Action, tool_names
from agentos_governance.contracts.forbidden import ForbiddenActions
from agentos_governance.contracts.forbidden_shapes import ForbiddenShapes
from agentos_governance.contracts.globs import compile_globs
from agentos_governance.contracts.model import Contract
from agentos_governance.shell.analysis import CommandAnalysis, SimpleCommand, UnanalysableCommand
from agentos_governance.shell.commands import analyse_command
from agentos_governance.shell.effects import FileUse, needs_network
from agentos_governance.shell.files import file_uses
from agentos_governance.shell.parsing import MAX_COMMAND_CHARACTERS
from agentos_governance.shell.words import words
from agentos_governance.workspace.paths import Place

# Devices that swallow or show output; nothing is stored there.
_HARMLESS_TARGETS = frozenset({"/dev/null", "/dev/stdout", "/dev/stderr", "/dev/tty"})
_HARMLESS_SOURCES = _HARMLESS_TARGETS | {"/dev/stdin", "/dev/zero", "/dev/random", "/dev/urandom"}
# Do nothing to the folder in which they run; `cd` is judged by where it leads.
_ANYWHERE = words(
    "cd pushd popd echo printf true false : test [ [[ exit return export unset set declare local read "
    "readonly typeset shift wait sleep date whoami id uname hostname nproc which type command env "
    "printenv kill jobs umask ulimit times trap pwd ps uptime"
)
# May remove the folder that a later `cd` enters, so that it fails.
_REMOVERS = words(
    "rm rmdir mv unlink find git rsync tar chmod chown mount umount ln trap source . sudo python "
    "python3 perl ruby node php make"
)
# Stands for what a command will create in a folder.
_NEW_FILE = "new"
_OTHER_SHELLS = frozenset({"PowerShell"})
"""Tools whose commands have another grammar than that of bash."""

CheckWrite = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a command line may not run."""

    rule: str
    reason: str
    remedy: str | None = None


class CommandRules:
    """The part of a contract that speaks of commands, compiled."""

    def __init__(self, contract: Contract, forbidden: ForbiddenActions) -> None:
        self.allows_any = contract.commands_allowed is None
        self._allowed = compile_globs(contract.commands_allowed or [])
        self._forbidden = forbidden
        self._forbidden_shapes = ForbiddenShapes(forbidden.patterns)
        self._network = contract.network
        is_whole_repository = any(root in {".", "./"} for root in contract.allowed_roots)
        self._is_restricted = (
            not self.allows_any
            or bool(forbidden)
            or contract.network is False
            or not is_whole_repository
        )

    def find_refusal(
        self,
        action: Action,
        command: str | None,
        place: Place,
        check_write: CheckWrite,
    ) -> Refusal | None:
        """Why `command` may not run, or None.

        Raises CallRefusedError or InvalidArgumentError for a path that leads where it must not.
        """
        if command is None or not command.strip():
            return Refusal("commands_allowed", "an execute action must say its command")
        if len(command) > MAX_COMMAND_CHARACTERS:
            return Refusal(
                "command_analysis",
                f"the command has more than {MAX_COMMAND_CHARACTERS} characters",
                "put it into a script inside the workspace, or run it in parts",
            )
        tools = tool_names(action.tool, action.server)
        hit = self._forbidden.find_command({command, " ".join(command.split())}, tools)
        if hit is not None:
            return _forbidden(hit, command)
        if action.tool in _OTHER_SHELLS:
            unread = UnanalysableCommand(f"commands of {action.tool} are not followed")
            return self._refuse_unanalysable(unread)
        analysis = analyse_command(command, cwd=action.cwd)
        if isinstance(analysis, UnanalysableCommand):
            return self._refuse_unanalysable(analysis)
        try:
            refusal = self._judge(analysis, tools, place, check_write)
            if refusal is None:
                return None
        except CallRefusedError:
            trusted = _with_certain_moves(analysis, command, action.cwd, place)
            if trusted is None:
                raise
            return self._judge(trusted, tools, place, check_write)
        trusted = _with_certain_moves(analysis, command, action.cwd, place)
        return refusal if trusted is None else self._judge(trusted, tools, place, check_write)

    def _judge(
        self,
        analysis: CommandAnalysis,
        tools: tuple[str, ...],
        place: Place,
        check_write: CheckWrite,
    ) -> Refusal | None:
        for each in analysis.commands:
            refusal = self._find_command_refusal(each, tools)
            refusal = refusal or self._find_place_refusal(each, place)
            if refusal is not None:
                return refusal
        return self._find_file_refusal(analysis, place, check_write)

    def _refuse_unanalysable(self, analysis: UnanalysableCommand) -> Refusal | None:
        if not self._is_restricted:
            return None
        return Refusal(
            "command_analysis",
            f"the command cannot be judged: {analysis.reason}",
            "write the command out, without indirection",
        )

    def _find_command_refusal(
        self, command: SimpleCommand, tools: tuple[str, ...]
    ) -> Refusal | None:
        hit = self._forbidden.find_command(command.texts(), tools)
        if hit is None:
            hit = self._forbidden_shapes.find(command.argv)
        if hit is None and command.dynamic_prefix is not None:
            hit = self._forbidden.find_possible(command.dynamic_prefix)
        if hit is not None:
            return _forbidden(hit, command.text)
        if self._network is False and (command.uses_network or needs_network(command.argv)):
            return Refusal("network", f"{command.text!r} uses the network")
        if command.is_wrapper or self.allows_any:
            return None
        if self._allowed is None or not self._allowed.match(command.text):
            return Refusal(
                "commands_allowed",
                f"the contract does not allow the command {command.text!r}",
                "use one of its commands_allowed",
            )
        return None

    def _find_place_refusal(self, command: SimpleCommand, place: Place) -> Refusal | None:
        """A client may stand outside the workspace; what it runs there is not its work."""
        program = command.argv[0].text
        if place.workspace is None or command.is_wrapper or program in _ANYWHERE:
            return None
        for folder in command.folders:
            if folder is not None and folder.startswith("/"):
                try:
                    place.resolve(folder, for_write=False, cwd=".")
                except CallRefusedError as outside:
                    return Refusal(
                        outside.rule or "workspace",
                        f"{command.text[:200]!r} would run in {folder!r}, outside the workspace",
                        f"begin the command with: cd {place.workspace} &&",
                    )
        return None

    def _find_file_refusal(
        self, analysis: CommandAnalysis, place: Place, check_write: CheckWrite
    ) -> Refusal | None:
        uses = [*analysis.file_uses]
        for command in analysis.commands:
            uses += file_uses(command.argv, command.folders)
        for use in uses:
            refusal = self._find_use_refusal(use, place, check_write)
            if refusal is not None:
                return refusal
        return None

    def _find_use_refusal(
        self, use: FileUse, place: Place, check_write: CheckWrite
    ) -> Refusal | None:
        if use.path in (_HARMLESS_TARGETS if use.is_write else _HARMLESS_SOURCES):
            return None
        is_absolute = use.path is not None and use.path.startswith("/")
        folders = use.folders
        if use.is_data:
            folders = frozenset(folder for folder in folders if is_absolute or folder is not None)
        if use.path is None or (None in folders and not is_absolute):
            if use.is_data or not self._is_restricted:
                return None
            return Refusal(
                "command_analysis",
                "a file or folder that the command uses cannot be known beforehand",
                "write the path out, relative to the workspace",
            )
        if place.workspace is None and not use.is_data:
            return Refusal("workspace", "there is no workspace for the command's files")
        for folder in folders:
            relative = place.resolve(use.path, for_write=use.is_write, cwd=folder or ".")
            if use.is_write:
                check_write(posixpath.join(relative, _NEW_FILE) if use.is_folder else relative)
        return None


def _with_certain_moves(
    analysis: CommandAnalysis, command: str, cwd: str, place: Place
) -> CommandAnalysis | None:
    """The same line with every `cd` succeeding; None where one may fail, or there is none.

    A folder that is there stays there, unless a program before it may remove it.
    """
    programs = {each.argv[0].text for each in analysis.commands}
    if place.workspace is None or "cd" not in programs or programs & _REMOVERS:
        return None
    trusted = analyse_command(command, cwd=cwd, trusts_cd=True)
    if not isinstance(trusted, CommandAnalysis):
        return None
    entered = [use for use in trusted.file_uses if use.is_folder and not use.is_write]
    is_there = all(
        use.path is not None
        and folder is not None
        and os.path.isdir(os.path.join(place.workspace, folder, use.path))
        for use in entered
        for folder in use.folders
    )
    return trusted if is_there else None


def _forbidden(index: int, command: str) -> Refusal:
    return Refusal(
        f"forbidden_actions[{index}]",
        f"the contract forbids this command: {command[:200]!r}",
        "do the work without it, or stand down and say why it is needed",
    )
