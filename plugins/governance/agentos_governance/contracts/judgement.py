"""May this action happen under this contract? Compiled once, asked before every tool use.

Above: the enforcing middleware, check_action. Below: contracts, actions, paths, commands, globs.
Deny wins over everything, and what no rule allows is denied; every answer names its rule.
The judge sees intentions: a command may still do what its text does not show, which is why
submitted work is judged again by its real diff (`scope`), and why commands belong in a sandbox.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from agentos import CallRefusedError, InvalidArgumentError
from agentos_governance.contracts.actions import (
    Action,
    Capability,
    capabilities_of,
    command_of,
    paths_of,
    tool_names,
)
from agentos_governance.contracts.client_folders import ClientFolders
from agentos_governance.contracts.command_judgement import CommandRules
from agentos_governance.contracts.forbidden import ForbiddenActions
from agentos_governance.contracts.globs import compile_globs, compile_roots
from agentos_governance.contracts.model import Contract, contract_digest
from agentos_governance.workspace.paths import PathResolver, Place

MAX_PATHS = 200
MAX_PATH_CHARACTERS = 32 * 1024
"""Of all paths of one action together."""
_CACHED_TOOL_JUDGEMENTS = 4096
_CACHED_PATH_JUDGEMENTS = 128
_READS = ("read:", "Read:", "Read(")
_SHORT = 400
"""Characters of paths whose judgement is kept, so that 1,000 contracts stay small."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict, the contract rule that decided it, why, and what the worker can do about it.

    A mandate adds whose contract it was, since a parent's may have decided.
    """

    verdict: Literal["allow", "deny", "ask"]
    rule: str
    reason: str
    remedy: str | None = None
    contract_version: str | None = None
    work_order: str | None = None

    @property
    def is_allowed(self) -> bool:
        return self.verdict == "allow"


class CompiledContract:
    """A contract ready to judge; build it with `compile_contract` and keep it."""

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self.version = contract_digest(contract)
        self.glob_bytes = sum(len(glob.encode()) for glob in contract.globs())
        self._allowed = compile_globs(contract.allowed_tools)
        self._forbidden = ForbiddenActions(contract.forbidden_actions)
        self._is_inside_roots = compile_roots(contract.allowed_roots)
        self._client_folders = ClientFolders(contract.allowed_roots)
        self._commands = CommandRules(contract, self._forbidden)
        self.may_forbid_reads = self._forbidden.may_speak_of(_READS)
        self._judge_short_path = lru_cache(_CACHED_PATH_JUDGEMENTS)(self._judge_path)
        self._judge_tool = lru_cache(_CACHED_TOOL_JUDGEMENTS)(self._judge_tool_uncached)

    def judge(
        self,
        action: Action,
        workspace: Path | None = None,
        *,
        has_repository: bool = True,
        resolver: PathResolver | None = None,
    ) -> Judgement:
        """The verdict on one action; never raises for what a client can send.

        `workspace` is where its paths lead. Without one, paths that are read are judged by their
        text, and nothing may be written; work that has no repository at all never gets a
        workspace, and its writes are judged by their text too.
        """
        capabilities = capabilities_of(action)
        on_tool = self._judge_tool(action.tool, action.server, capabilities)
        if not on_tool.is_allowed:
            return on_tool
        paths = paths_of(action)
        if not paths and "execute" not in capabilities and "write" not in capabilities:
            return on_tool
        try:
            place = Place(workspace, is_strict=has_repository, resolver=resolver)
            return self._judge_targets(action, capabilities, paths, place) or on_tool
        except CallRefusedError as refusal:
            return Judgement("deny", refusal.rule, refusal.message, refusal.remedy)
        except InvalidArgumentError as error:
            return Judgement("deny", "workspace", error.message, error.remedy)

    def judge_read(self, relative: str) -> Judgement | None:
        """Why a file may not be read by whatever tool; None where nothing forbids it.

        `relative` is where its path leads, from the workspace.
        """
        hit = self._forbidden.find([f"read:{relative}", f"Read:{relative}", f"Read({relative})"])
        return _forbidden(hit, f"read of {relative!r}") if hit is not None else None

    def _judge_tool_uncached(
        self, tool: str, server: str | None, capabilities: frozenset[Capability]
    ) -> Judgement:
        names = tool_names(tool, server)
        subjects = [*names, *sorted(capabilities)]
        subjects += [f"{name}:{capability}" for name in names for capability in capabilities]
        hit = self._forbidden.find(subjects)
        if hit is not None:
            return _forbidden(hit, tool)
        if self._allowed is None or not any(self._allowed.match(name) for name in names):
            return Judgement(
                "deny",
                "allowed_tools",
                f"the contract does not allow the tool {tool!r}",
                "use one of its allowed_tools, or ask for a contract that allows this tool",
            )
        if "network" in capabilities and self.contract.network is False:
            return Judgement("deny", "network", "the contract refuses network access")
        return Judgement("allow", "allowed_tools", f"{tool!r} is in allowed_tools")

    def _judge_targets(
        self,
        action: Action,
        capabilities: frozenset[Capability],
        paths: list[str],
        place: Place,
    ) -> Judgement | None:
        judgement: Judgement | None = None
        if "write" in capabilities and not paths:
            return Judgement("deny", "allowed_roots", "a write must name its paths")
        if len(paths) > MAX_PATHS or sum(map(len, paths)) > MAX_PATH_CHARACTERS:
            return Judgement(
                "deny",
                "workspace",
                f"more than {MAX_PATHS} paths, or {MAX_PATH_CHARACTERS} characters of paths, "
                "in one action",
                "ask for fewer paths at a time",
            )
        for_write = "write" in capabilities
        # Apart from the matching: system calls between, which release the interpreter's lock for
        # a moment, keep the event loop from getting it.
        resolved = [place.resolve(path, for_write=for_write, cwd=action.cwd) for path in paths]
        for path, relative in zip(paths, resolved, strict=True):
            is_short = len(path) + len(relative) <= _SHORT
            judge_path = self._judge_short_path if is_short else self._judge_path
            judgement = judge_path(action.tool, action.server, for_write, path, relative)
            if not judgement.is_allowed:
                return judgement
        if "execute" in capabilities:
            command = command_of(action)
            refusal = self._commands.find_refusal(action, command, place, self._check_write)
            if refusal is not None:
                return Judgement("deny", refusal.rule, refusal.reason, refusal.remedy)
            rule = "allowed_tools" if self._commands.allows_any else "commands_allowed"
            judgement = Judgement("allow", rule, "every command in it is allowed")
        return judgement

    def _judge_path(
        self, tool: str, server: str | None, for_write: bool, path: str, relative: str
    ) -> Judgement:
        names = tool_names(tool, server)
        capability = "write" if for_write else "read"
        spellings = {relative, path}
        subjects = [f"{name}:{text}" for name in (*names, capability) for text in spellings]
        subjects += [f"{name}({text})" for name in names for text in spellings]
        hit = self._forbidden.find(subjects)
        if hit is not None:
            return _forbidden(hit, f"{capability} of {path!r}")
        if for_write:
            self._check_write(relative)
            return Judgement("allow", "allowed_roots", f"{relative!r} is inside allowed_roots")
        return Judgement("allow", "workspace", f"{relative!r} is inside the workspace")

    def _check_write(self, relative: str) -> None:
        if not self._is_inside_roots(relative):
            roots = ", ".join(self.contract.allowed_roots[:5]) or "none"
            raise CallRefusedError(
                f"{relative!r} is outside allowed_roots ({roots})",
                rule="allowed_roots",
                remedy="write inside allowed_roots, or ask for a contract that includes the path",
            )
        self._client_folders.refuse_write(relative)


def compile_contract(contract: Contract) -> CompiledContract:
    """The contract's judge: globs compiled, version computed; keep it as long as the contract."""
    return CompiledContract(contract)


def _forbidden(index: int, what: str) -> Judgement:
    return Judgement(
        "deny",
        f"forbidden_actions[{index}]",
        f"the contract forbids this: {what}",
        "do the work without it, or stand down and say why it is needed",
    )
