"""What authorizing a typical call costs, for `agentos bench policy`: the real code, no database.

Above: the plugin declares it. Below: enforcement, contracts, policies in force. The call is that
of a worker under a contract of ordinary size, and names one path, which is there; then the same
call under an organisation's policy of 20 rules as well.
"""

from __future__ import annotations

import shutil
import weakref
from collections.abc import Coroutine, Sequence
from copy import copy
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from agentos import CanonicalObject, PolicyCost, Settings, ToolCall, Verdict
from agentos_governance.authority.enforcement import (
    HeldOrder,
    action_of,
    held_from,
    judge_call,
)
from agentos_governance.contracts.model import Contract, contract_digest, contract_document
from agentos_governance.policies.enforcing import narrow_by
from agentos_governance.policies.in_force import PoliciesInForce
from agentos_governance.workspace.paths import PathResolver

_CONTRACT = Contract(
    allowed_roots=["src/", "tests/**/*.py", "docs/"],
    allowed_tools=["search_*", "find_*", "create_observation", "Edit", "Bash"],
    forbidden_actions=["git push*", "rm -rf*", "write:migrations/**", "WebFetch", "deploy_*"],
    evidence_required=["test_report"],
)
_FACTS: dict[str, Any] = {"unsafe_environment": False, "freeze": False}


def policy_costs(call: ToolCall) -> Sequence[PolicyCost]:
    """The parts, in the order in which a call meets them; `call` names its paths."""
    worker = _Worker(call)
    return [
        PolicyCost("read what the worker holds", worker.hold, is_lookup=True),
        PolicyCost("ask the file system where the path leads", worker.resolve, is_lookup=True),
        PolicyCost("judge the contract", worker.judge),
        PolicyCost("ask a policy of 20 rules", worker.ask, decides=worker.decision),
    ]


class _Worker:
    """A worker with a workspace on disk, about to make the call."""

    def __init__(self, call: ToolCall) -> None:
        self._call = copy(call)
        self._folder = Path(mkdtemp(prefix="agentos-bench-")).resolve()
        # It lasts as long as the parts that are measured in it.
        weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self._workspace = self._folder / "workspace"
        self._action = action_of(call)
        self._paths = self._action.paths
        for path in self._paths:
            file = self._workspace / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(b"")
        self._row = self._stored()
        self._held = self.hold()
        self._resolver = PathResolver(self._workspace)
        self._granted = self.judge()
        self._policies = self._in_force()

    def hold(self) -> HeldOrder:
        """What the row of a held work order says."""
        held: HeldOrder = finish(held_from(self._call, self._row))
        return held

    def resolve(self) -> list[str]:
        """As the first who judges the call does; the others ask the same resolver."""
        resolver = PathResolver(self._workspace)
        if resolver.starts_at_link:
            return []
        return [resolver.resolve(path, for_write=False) for path in self._paths]

    def judge(self) -> Verdict:
        """The contract's judgement, with the path resolved."""
        return judge_call(self._call, self._held, action_of(self._call), self._resolver)

    def ask(self) -> Verdict:
        """What the policy says, as to every call but the first of its kind."""
        asking = narrow_by(
            self._policies,
            self._call,
            self._held,
            self._granted,
            self._action,
            is_protocol=False,
            resolver=self._resolver,
        )
        verdict: Verdict = finish(asking)
        return verdict

    def decision(self) -> CanonicalObject:
        """What is recorded of the policy's decision."""
        self.ask()
        decision = self._call.decision
        assert isinstance(decision, CanonicalObject)
        return decision

    def _stored(self) -> dict[str, Any]:
        now = datetime.now(UTC)
        return {
            "id": "WO-3F9K2M7Q",
            "state": "active",
            "contract": contract_document(_CONTRACT),
            "contract_version": contract_digest(_CONTRACT),
            "workspace": str(self._workspace),
            "repo": str(self._workspace),
            "parent": None,
            "first_claimed_at": now,
            "phase": "execute",
            "branch": "agentos/WO-3F9K2M7Q",
            "base_commit": None,
            "epoch": 1,
            "expires_at": now + timedelta(hours=1),
        }

    def _in_force(self) -> PoliciesInForce:
        file = self._folder / "organisation.policy"
        rules = files("agentos_governance").joinpath("authority/typical.policy")
        file.write_text(rules.read_text(encoding="utf-8"), encoding="utf-8")
        settings = Settings(plugins=(), home=file.parent, policy=file, facts=_FACTS)
        functions = {self._call.tool.name: self._call.tool}
        policies = PoliciesInForce(settings, lambda: functions)
        # Once a second, in a thread: no part of one call.
        policies.organisation.check_every_s = float("inf")
        return policies


def finish(asking: Coroutine[Any, Any, Any]) -> Any:
    """What a coroutine returns that never waits."""
    try:
        asking.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("it waits for something")
