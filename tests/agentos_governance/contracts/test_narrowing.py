"""One contract within another: each field by its own rule, and never more at run time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentos_governance.authority.mandate import Grant, Mandate
from agentos_governance.contracts.actions import Action, Capability
from agentos_governance.contracts.judgement import compile_contract
from agentos_governance.contracts.model import Contract, parse_contract
from agentos_governance.contracts.narrowing import find_amendment_excess, find_child_excess

NOW = datetime(2026, 3, 1, tzinfo=UTC)
PARENT: dict[str, Any] = {
    "allowed_roots": ["src/", "tests/**/*.py"],
    "allowed_tools": ["search_*", "Edit", "mcp__agentos__write_note"],
    "forbidden_actions": ["git push*"],
    "evidence_required": ["test_report"],
    "cost_budget_usd": "2.00",
    "token_budget": 1000,
    "wall_clock_s": 3600,
    "lease_ttl_s": 60,
    "commands_allowed": ["git status", "pytest*"],
    "network": False,
    "review": {"required": True, "quorum": 2, "by": "human"},
}


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("allowed_roots", ["src/app/", "tests/unit/test_a.py"], None),
        ("allowed_roots", [], None),
        ("allowed_roots", ["src/app/", "docs/"], "'docs/' includes 'docs/x'"),
        ("allowed_roots", ["tests/"], "'tests/' includes 'tests/x'"),
        ("allowed_roots", ["."], "'.' includes 'x'"),
        ("allowed_tools", ["search_code", "Edit", "write_note"], None),
        ("allowed_tools", ["mcp__agentos__search_code"], None),
        ("allowed_tools", ["search_*", "Bash"], "'Bash' includes 'Bash'"),
        ("allowed_tools", ["s*"], "'s*' includes 's'"),
        ("commands_allowed", ["pytest -q*"], None),
        ("commands_allowed", [], None),
        ("commands_allowed", None, "null allows every command"),
        ("commands_allowed", ["git *"], "'git *' includes 'git '"),
        ("cost_budget_usd", "2", None),
        ("cost_budget_usd", "2.01", "it is more"),
        ("token_budget", 1001, "it is more"),
        ("token_budget", None, "null is no limit"),
        ("wall_clock_s", 3601, "it is more"),
        ("wall_clock_s", None, "null is no limit"),
        ("lease_ttl_s", 61, "it is more"),
        ("lease_ttl_s", 59, None),
        ("network", None, "only false refuses the network"),
        ("network", True, "only false refuses the network"),
        ("review", {"required": False}, "a review is required"),
        ("review", {"required": True, "quorum": 1, "by": "human"}, "its quorum is smaller"),
        ("review", {"required": True, "quorum": 2, "by": "either"}, "it must be by human"),
        ("review", {"required": True, "quorum": 3, "by": "human"}, None),
        ("forbidden_actions", [], None),
        ("evidence_required", [], None),
    ],
)
def test_a_child_s_field_that_exceeds_its_parent_s_is_named_with_both_values(
    field: str, value: Any, reason: str | None
) -> None:
    found = find_child_excess(parse_contract({**PARENT, field: value}), parse_contract(PARENT))
    assert [(each.field, each.reason) for each in found] == ([(field, reason)] if reason else [])


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("forbidden_actions", ["git push*", "rm*"], None),
        ("forbidden_actions", ["rm*"], "'git push*' is missing"),
        ("evidence_required", ["test_report", "plan"], None),
        ("evidence_required", [], "'test_report' is missing"),
        ("allowed_roots", ["src/", "docs/"], "'docs/' includes 'docs/x'"),
    ],
)
def test_a_new_version_that_asks_for_less_is_wider(
    field: str, value: Any, reason: str | None
) -> None:
    found = find_amendment_excess(parse_contract({**PARENT, field: value}), parse_contract(PARENT))
    assert [(each.field, each.reason) for each in found] == ([(field, reason)] if reason else [])


def test_a_new_rule_that_may_allow_counts_as_wider_and_one_that_only_denies_does_not() -> None:
    old = Contract.model_construct(**{**Contract().model_dump(), "constraints": ["DENY write"]})
    for rule, is_wider in (("ASK write", False), ("x: ALLOW operation", True), ("DENY x", False)):
        new = old.model_copy(update={"constraints": ["DENY write", rule]})
        assert [e.field for e in find_amendment_excess(new, old)] == ["constraints"] * is_wider
    gone = old.model_copy(update={"constraints": []})
    assert [e.field for e in find_amendment_excess(gone, old)] == ["constraints"]


_TOOLS = ["Edit", "Bash", "Read", "search_code", "write_note", "mcp__agentos__write_note", "x_y"]
_TOOL_GLOBS = [*_TOOLS, "*", "search_*", "*_*", "[ER]*", "mcp__*", "?ash"]
_ROOT_GLOBS = ["src/", "src", "src/a/", "src/*", "src/**/*.py", ".", "docs/", "**/b.py", "s*/"]
_FORBIDDEN = ["git push*", "write", "execute", "write:src/a/*", "Bash", "Edit:src/b.py", "rm"]
_COMMANDS = ["git *", "git status", "ls*", "*", "echo *"]
_PATHS = [
    "src/b.py", "src/a/b.py", "src/a/../b.py", "src/../docs/x", "docs/x", "SRC/b.py", "./src/b.py",
    "src//b.py", "../x", "/etc/passwd", "src/.git/config", "src/\u202eb.py", "src/a", "src",
]  # fmt: skip
_LINES = [
    "git status", "git push origin", "ls src", "echo hi > src/b.py", "echo hi > docs/x",
    "rm -rf src/a", "git -C . push", "bash -c 'git push'", "cat src/b.py", "$X",
]  # fmt: skip


def _subset(values: list[str]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(values), max_size=4, unique=True)


CONTRACTS = st.fixed_dictionaries(
    {
        "allowed_roots": _subset(_ROOT_GLOBS),
        "allowed_tools": _subset(_TOOL_GLOBS),
        "forbidden_actions": _subset(_FORBIDDEN),
        "commands_allowed": st.none() | _subset(_COMMANDS),
        "network": st.sampled_from([None, False, True]),
        "wall_clock_s": st.sampled_from([None, 100, 10_000]),
    }
).map(parse_contract)
CAPABILITIES: list[Capability | None] = [None, "read", "write", "execute", "network"]
ACTIONS = st.builds(
    Action,
    st.sampled_from(_TOOLS),
    capability=st.sampled_from(CAPABILITIES),
    paths=st.lists(st.sampled_from(_PATHS), max_size=2),
    command=st.none() | st.sampled_from(_LINES),
    server=st.sampled_from([None, "agentos", "other"]),
)
STATES = st.sampled_from(["ready", "active", "suspended", "completed", "cancelled", "failed"])


@settings(max_examples=300, deadline=None)
@given(
    line=st.lists(st.tuples(CONTRACTS, STATES), min_size=1, max_size=4),
    actions=st.lists(ACTIONS, min_size=5, max_size=12),
    age_s=st.sampled_from([0, 101, 10_001]),
)
def test_nothing_is_admitted_below_that_any_contract_above_refuses(
    line: list[tuple[Contract, str]], actions: list[Action], age_s: int
) -> None:
    """The property of a mandate: capabilities intersect down, whatever the child's contract says."""
    grants = tuple(
        Grant(f"WO-{n}", state, compile_contract(contract), NOW - timedelta(seconds=age_s))
        for n, (contract, state) in enumerate(line)
    )
    mandate = Mandate(grants)
    for action in actions:
        verdict = mandate.judge(action, NOW, None, has_repository=False)
        alone = [g.judge(action, NOW, None, has_repository=False).is_allowed for g in grants]
        ended = [g.state in ("completed", "cancelled", "failed") for g in grants[1:]]
        assert verdict.is_allowed == (all(alone) and not any(ended)), action
        if not verdict.is_allowed:
            decider = next(g for g in grants if g.work_order == verdict.work_order)
            assert verdict.contract_version == decider.contract.version


@settings(max_examples=300, deadline=None)
@given(child=CONTRACTS, parent=CONTRACTS, actions=st.lists(ACTIONS, min_size=5, max_size=12))
def test_what_the_static_check_lets_pass_admits_nothing_that_the_parent_does_not_forbid(
    child: Contract, parent: Contract, actions: list[Action]
) -> None:
    """The static check errs to no side on roots, tools, commands and network."""
    too_wide = {excess.field for excess in find_child_excess(child, parent)}
    child = child.model_copy(update={field: getattr(parent, field) for field in too_wide})
    assert not find_child_excess(child, parent)
    parent = parent.model_copy(update={"forbidden_actions": child.forbidden_actions})
    below, above = compile_contract(child), compile_contract(parent)
    for action in actions:
        if below.judge(action, None, has_repository=False).is_allowed:
            judged = above.judge(action, None, has_repository=False)
            is_left = _is_alias(action, child) or _is_below_a_name(judged.rule, child, parent)
            assert judged.is_allowed or is_left, (action, judged)


def _is_below_a_name(rule: str, child: Contract, parent: Contract) -> bool:
    # `src` may be a file: what is below it is the run time's, too.
    named = {root for root in child.allowed_roots if root == "src"} - {*parent.allowed_roots}
    return rule == "allowed_roots" and bool(named)


def _is_alias(action: Action, child: Contract) -> bool:
    # A child may speak of an own tool by its short name where the parent used the long one; then
    # a foreign server's tool of that name is the run time's to refuse.
    return action.server != "agentos" and action.tool in child.allowed_tools
