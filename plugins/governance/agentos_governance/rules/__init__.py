"""The policy language: parse, check, compile, decide, print, compare. This is its whole API."""

from agentos_governance.rules.checking import type_errors
from agentos_governance.rules.compiled import CompiledPolicy, compile_policy, policy_hash
from agentos_governance.rules.decision import NO_HISTORY, Decision, Determining, Limit
from agentos_governance.rules.differences import RuleChange, diff_policies
from agentos_governance.rules.errors import PolicyError, PolicySyntaxError, PolicyTypeError
from agentos_governance.rules.parser import parse_policy
from agentos_governance.rules.printer import format_policy
from agentos_governance.rules.schema import DEFAULT_SCHEMA, Fact, FactType, Schema
from agentos_governance.rules.shadowing import PolicyWarning, policy_warnings
from agentos_governance.rules.tree import HistoryQuery, Policy, Target

__all__ = [
    "DEFAULT_SCHEMA",
    "NO_HISTORY",
    "CompiledPolicy",
    "Decision",
    "Determining",
    "Fact",
    "FactType",
    "HistoryQuery",
    "Limit",
    "Policy",
    "PolicyError",
    "PolicySyntaxError",
    "PolicyTypeError",
    "PolicyWarning",
    "RuleChange",
    "Schema",
    "Target",
    "compile_policy",
    "diff_policies",
    "format_policy",
    "parse_policy",
    "policy_hash",
    "policy_warnings",
    "type_errors",
]
