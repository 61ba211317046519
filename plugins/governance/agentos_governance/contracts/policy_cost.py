"""What judging a typical call costs, for `agentos bench policy`: a contract of ordinary size."""

from __future__ import annotations

from agentos import PolicyCost
from agentos_governance.contracts.actions import OWN_SERVER, Action
from agentos_governance.contracts.judgement import compile_contract
from agentos_governance.contracts.model import Contract

_CONTRACT = Contract(
    allowed_roots=["src/", "tests/**/*.py", "docs/"],
    allowed_tools=["search_*", "trace_symbol_dependencies", "create_observation", "Edit", "Bash"],
    forbidden_actions=["git push*", "rm -rf*", "write:migrations/**", "WebFetch", "deploy_*"],
    evidence_required=["test_report"],
)


def judge_a_contract() -> PolicyCost:
    """One judgement of a tool call that names no path, under a compiled contract."""
    compiled = compile_contract(_CONTRACT)
    action = Action("search_code", capability="read", server=OWN_SERVER)
    return PolicyCost("judge the contract", lambda: compiled.judge(action))
