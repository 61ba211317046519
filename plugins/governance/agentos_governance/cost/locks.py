"""Expensive tools and paths that stay locked until somebody else opens them for a time.

Above: the plugin composes the authorizer, check_action asks for client tools. Below: the settings
table `[locks]`, `governance.unlock`, and the judgement of contracts, which already knows where a
path leads and what a shell command writes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agentos import (
    Authorizer,
    CallRefusedError,
    ConfigurationError,
    Tool,
    ToolCall,
    Verdict,
)
from agentos_governance.authority.enforcement import HeldOrder, held_order
from agentos_governance.authority.persons import same_person_key
from agentos_governance.contracts.actions import OWN_SERVER, Action, tool_names
from agentos_governance.contracts.globs import MAGIC, GlobSet
from agentos_governance.contracts.judgement import CompiledContract, Judgement
from agentos_governance.contracts.model import Contract, Entry, Usd
from agentos_governance.cost.budgets import sql

TOOL_RULE = "locked_tool"
PATH_RULE = "locked_path"
MAX_UNLOCK_S = 86_400
# Everything: the contract of the work order has its own say.
_ANYTHING = Contract(allowed_roots=["."], allowed_tools=["*"])


class LockSettings(BaseModel):
    """The settings table `[locks]`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tools: Annotated[tuple[Entry, ...], Field(max_length=200)] = ()
    """Globs of tool names, those of clients (`Bash`, `mcp__cloud__*`) included."""
    paths: Annotated[tuple[Entry, ...], Field(max_length=200)] = ()
    """Globs of repository paths that may not be written, such as `infra/**`."""
    above_usd: Usd | None = None
    """Also every tool whose `max_cost_usd` is more than this."""
    max_unlock_s: Annotated[int, Field(ge=1, le=MAX_UNLOCK_S)] = 3_600


class Locks:
    """What is locked by the settings; one a kernel."""

    def __init__(self, settings: LockSettings) -> None:
        self.settings = settings
        self._tools = GlobSet(settings.tools)
        self._paths = _LockedPaths(settings.paths)
        self._judge = _PathJudge(self._paths, GlobSet(()))

    @property
    def has_any(self) -> bool:
        """Whether anything at all is locked."""
        settings = self.settings
        return bool(settings.tools or settings.paths) or settings.above_usd is not None

    def locks_tool(self, names: Sequence[str], max_cost_usd: Decimal | None = None) -> bool:
        """Whether a tool of these names, or of this price, is locked."""
        above = self.settings.above_usd
        is_dear = above is not None and max_cost_usd is not None and max_cost_usd > above
        return is_dear or any(self._tools.match(name) for name in names)

    def locked_write(
        self, action: Action, held: HeldOrder | None, opened: GlobSet | None = None
    ) -> str | None:
        """The first locked path that the action writes and `opened` does not open, or None."""
        if not self.settings.paths:
            return None
        judge = self._judge if opened is None else _PathJudge(self._paths, opened)
        workspace = None if held is None else held.workspace
        has_repository = held is not None and held.repo is not None
        return judge.find(action, workspace, has_repository=has_repository)


class _LockedPaths:
    """Which paths are locked; a write to a folder may be one to what lies in it."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._globs = GlobSet(patterns)
        self._folders = [MAGIC.split(each, maxsplit=1)[0] for each in patterns]

    def match(self, relative: str) -> bool:
        folder = "" if relative == "." else f"{relative}/"
        is_above = any(each.startswith(folder) for each in self._folders)
        return is_above or _matches(self._globs, relative)


def _matches(globs: GlobSet, relative: str) -> bool:
    return globs.match(relative) or globs.match(f"{relative}/")


class _PathJudge(CompiledContract):
    """Judges as a contract that allows all but locked paths."""

    def __init__(self, locked: _LockedPaths, opened: GlobSet) -> None:
        super().__init__(_ANYTHING)
        self._locked = locked
        self._opened = opened

    def find(self, action: Action, workspace: Path | None, *, has_repository: bool) -> str | None:
        judgement = self.judge(action, workspace, has_repository=has_repository)
        return judgement.reason if judgement.rule == PATH_RULE else None

    def _check_write(self, relative: str) -> None:
        if self._locked.match(relative) and not _matches(self._opened, relative):
            raise CallRefusedError(relative, rule=PATH_RULE)


def parse_locks(table: Mapping[str, Any]) -> Locks:
    """The locks of `[locks]`; ConfigurationError names the bad entry in one line."""
    try:
        return Locks(LockSettings.model_validate(dict(table)))
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(("locks", *(str(part) for part in problem["loc"])))
        raise ConfigurationError(f"setting {where!r}: {problem['msg']}") from None


def lock_authorizer(tool: Tool) -> Authorizer:
    """The voter that refuses a locked tool or path; it never allows anything by itself."""

    async def decide(call: ToolCall) -> Verdict | None:
        if not call.service(Locks).has_any:
            return None
        action = Action(
            tool.judged_name,
            capability="write" if tool.writes and tool.paths else "read",
            paths=_paths_of(call),
            server=OWN_SERVER,
        )
        judgement = await judge_locks(call, held_order(call), action, tool.max_cost_usd)
        if judgement is None:
            return None
        return Verdict.deny(judgement.rule, judgement.reason, remedy=judgement.remedy)

    return Authorizer(decide)


async def judge_locks(
    call: ToolCall, held: HeldOrder | None, action: Action, max_cost_usd: Decimal | None = None
) -> Judgement | None:
    """The denial of an action that is locked and not unlocked for this caller now, or None."""
    locks = call.service(Locks)
    names = tool_names(action.tool, action.server)
    is_locked = locks.locks_tool(names, max_cost_usd)
    path = await _locked_write(locks, action, held)
    if not is_locked and path is None:
        return None
    opened = await _opened(call, held)
    if is_locked and not any(opened.match(name) for name in names):
        return _denial(TOOL_RULE, f"the tool {action.tool!r}", action.tool)
    if path is not None:
        path = await _locked_write(locks, action, held, opened)
    return None if path is None else _denial(PATH_RULE, f"the path {path!r}", path)


async def _locked_write(
    locks: Locks, action: Action, held: HeldOrder | None, opened: GlobSet | None = None
) -> str | None:
    if not locks.settings.paths or not (action.paths or action.command or action.args):
        return None
    return await asyncio.to_thread(locks.locked_write, action, held, opened)


async def _opened(call: ToolCall, held: HeldOrder | None) -> GlobSet:
    rows = await call.kernel.database.fetch(
        sql.list_unlocks,
        None if held is None else held.id,
        same_person_key(call.principal.answerable),
        call.now(),
    )
    return GlobSet([row["pattern"] for row in rows])


def _denial(rule: str, what: str, name: str) -> Judgement:
    return Judgement(
        "deny",
        rule,
        f"{what} is locked",
        f"ask a reviewer or admin who is not you to open it for a time: unlock_tool with pattern "
        f"{name!r}, or `agentos budget unlock`",
    )


def _paths_of(call: ToolCall) -> list[str]:
    paths: list[str] = []
    for name in call.tool.paths:
        value = getattr(call.parameters, name)
        several = value if isinstance(value, list | tuple | set | frozenset) else [value]
        paths += [str(path) for path in several if path is not None]
    return paths
