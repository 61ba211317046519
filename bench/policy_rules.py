"""What one decision under 20 rules costs: compiled rules beside Cedar and CEL on the same rules.

    python bench/policy_rules.py [--rounds 30] [--json] [--check]

All engines are parsed and compiled beforehand, decide the same calls, and must agree on each. They
are measured in turns in one process, in processor time, so that other load counts little. CEL runs
as one fused expression, its fastest form. The ratios are what to quote; absolute times belong to
the machine. With `--check`, exit code 1 where
the compiled rules need more than 2 microseconds on the slowest call.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import cedarpy
import cel

from agentos_governance.rules import Fact, FactType, Schema, compile_policy, parse_policy

BAR_US = 2.0

SCHEMA = Schema(
    {
        "tool": Fact(FactType.TEXT, "Name of the tool"),
        "capability": Fact(FactType.TEXT, "What the call does"),
        "writes": Fact(FactType.BOOLEAN, "Whether the tool changes anything"),
        "path": Fact(FactType.TEXT, "The path the call names"),
        "command": Fact(FactType.TEXT, "The command the call runs"),
        "role": Fact(FactType.TEXT, "Role of the caller"),
        "risk": Fact(FactType.INTEGER, "Risk in per cent; Cedar has no fractions"),
        "spent_cents": Fact(FactType.INTEGER, "Spent so far"),
        "budget_cents": Fact(FactType.INTEGER, "Budget"),
        "attempt": Fact(FactType.INTEGER, "Number of the claim"),
        "unsafe_environment": Fact(FactType.BOOLEAN, "Set by the deployment"),
        "freeze": Fact(FactType.BOOLEAN, "Whether nothing may be released"),
    }
)

OURS = """
ALLOW read
ALLOW IF risk < 50 AND role == "worker"
ALLOW write IF path STARTS WITH "src/" AND risk < 70
ALLOW write IF path STARTS WITH "tests/"
ALLOW execute IF command STARTS WITH "pytest"
ALLOW IF role == "admin" AND NOT writes
ALLOW network IF tool == "fetch" AND risk < 20
DENY IF unsafe_environment == true
DENY IF risk >= 90
DENY IF spent_cents > budget_cents
DENY IF attempt > 5
DENY write IF path MATCHES "migrations/*"
DENY write IF path MATCHES "*.lock"
DENY write IF path ENDS WITH ".pem" OR path ENDS WITH ".key"
DENY write IF role IN ["bot", "reviewer"]
DENY execute IF command MATCHES "git push*"
DENY execute IF command MATCHES "rm -rf *" AND risk > 10
DENY network IF NOT tool IN ["fetch", "search"]
DENY IF freeze AND writes AND role != "admin"
DENY IF path MATCHES "*/.git/*" OR path STARTS WITH ".git/"
"""

_PERMITS = [
    'context.capability == "read"',
    'context.risk < 50 && context.role == "worker"',
    'context.capability == "write" && context.path like "src/*" && context.risk < 70',
    'context.capability == "write" && context.path like "tests/*"',
    'context.capability == "execute" && context.command like "pytest*"',
    'context.role == "admin" && !context.writes',
    'context.capability == "network" && context.tool == "fetch" && context.risk < 20',
]
_FORBIDS = [
    "context.unsafe_environment == true",
    "context.risk >= 90",
    "context.spent_cents > context.budget_cents",
    "context.attempt > 5",
    'context.capability == "write" && context.path like "migrations/*"',
    'context.capability == "write" && context.path like "*.lock"',
    'context.capability == "write" && (context.path like "*.pem" || context.path like "*.key")',
    'context.capability == "write" && ["bot", "reviewer"].contains(context.role)',
    'context.capability == "execute" && context.command like "git push*"',
    'context.capability == "execute" && context.command like "rm -rf *" && context.risk > 10',
    'context.capability == "network" && !["fetch", "search"].contains(context.tool)',
    'context.freeze && context.writes && context.role != "admin"',
    'context.path like "*/.git/*" || context.path like ".git/*"',
]
_CEL_ALLOWS = [
    'capability == "read"',
    'risk < 50 && role == "worker"',
    'capability == "write" && path.startsWith("src/") && risk < 70',
    'capability == "write" && path.startsWith("tests/")',
    'capability == "execute" && command.startsWith("pytest")',
    'role == "admin" && !writes',
    'capability == "network" && tool == "fetch" && risk < 20',
]
_CEL_DENIES = [
    "unsafe_environment == true",
    "risk >= 90",
    "spent_cents > budget_cents",
    "attempt > 5",
    'capability == "write" && path.startsWith("migrations/")',
    'capability == "write" && path.endsWith(".lock")',
    'capability == "write" && (path.endsWith(".pem") || path.endsWith(".key"))',
    'capability == "write" && role in ["bot", "reviewer"]',
    'capability == "execute" && command.startsWith("git push")',
    'capability == "execute" && command.startsWith("rm -rf ") && risk > 10',
    'capability == "network" && !(tool in ["fetch", "search"])',
    'freeze && writes && role != "admin"',
    'path.contains("/.git/") || path.startsWith(".git/")',
]

_QUIET: dict[str, Any] = {
    "tool": "Edit",
    "capability": "write",
    "writes": True,
    "path": "src/app/main.py",
    "command": "",
    "role": "worker",
    "risk": 30,
    "spent_cents": 120,
    "budget_cents": 500,
    "attempt": 1,
    "unsafe_environment": False,
    "freeze": False,
}
CALLS: dict[str, tuple[dict[str, Any], bool]] = {
    "write, allowed": (_QUIET, True),
    "write, denied by the last rule": ({**_QUIET, "path": "src/.git/config"}, False),
    "write, denied by default": ({**_QUIET, "path": "docs/a.md", "risk": 60}, False),
    "read, allowed": ({**_QUIET, "capability": "read", "writes": False}, True),
    "command, allowed": ({**_QUIET, "capability": "execute", "command": "pytest -q"}, True),
}

Decide = Callable[[dict[str, Any]], bool]


def compiled_rules() -> tuple[Decide, Decide]:
    """Whether a call is allowed: by the fast path, and with reasons."""
    policy = compile_policy(parse_policy(OURS), SCHEMA)
    effect, decide = policy.effect, policy.decide
    return (lambda facts: effect(facts) == "allow"), (lambda facts: decide(facts).effect == "allow")


def cedar_rules() -> Decide:
    """Whether Cedar allows a call; policies and entities are parsed once."""
    head = "(principal, action, resource) when"
    texts = [f"permit{head} {{ {each} }};" for each in _PERMITS]
    texts += [f"forbid{head} {{ {each} }};" for each in _FORBIDS]
    policies = cedarpy.PolicySet.from_str("\n".join(texts))
    entities = cedarpy.Entities.from_json_str("[]")
    request = {"principal": 'A::"a"', "action": 'A::"a"', "resource": 'A::"a"'}
    return lambda facts: (
        cedarpy.is_authorized({**request, "context": facts}, policies, entities).allowed
    )


def cel_rules() -> Decide:
    """Whether CEL allows a call, as one expression of all rules."""
    denies = " || ".join(f"({each})" for each in _CEL_DENIES)
    allows = " || ".join(f"({each})" for each in _CEL_ALLOWS)
    program = cel.compile(f"!({denies}) && ({allows})")
    return lambda facts: bool(program.execute(facts))


def measure(rounds: int) -> dict[str, dict[str, float]]:
    """Median microseconds a decision, by engine and call."""
    fast, reasons = compiled_rules()
    engines = {
        "compiled rules": (fast, 5_000),
        "compiled rules with reasons": (reasons, 300),
        "CEL, fused": (cel_rules(), 500),
        "Cedar": (cedar_rules(), 100),
    }
    for name, (facts, is_allowed) in CALLS.items():
        answers = {engine: decide(facts) for engine, (decide, _) in engines.items()}
        if set(answers.values()) != {is_allowed}:
            raise SystemExit(f"the engines disagree on {name}: {answers}")
    samples: dict[tuple[str, str], list[float]] = {}
    for _ in range(rounds):
        for engine, (decide, n_calls) in engines.items():
            for call, (facts, _) in CALLS.items():
                samples.setdefault((engine, call), []).append(_time_us(decide, facts, n_calls))
    return {
        engine: {call: statistics.median(samples[engine, call]) for call in CALLS}
        for engine in engines
    }


def _time_us(decide: Decide, facts: dict[str, Any], n_calls: int) -> float:
    started = time.process_time_ns()
    for _ in range(n_calls):
        decide(facts)
    return (time.process_time_ns() - started) / n_calls / 1e3


def report(medians: dict[str, dict[str, float]]) -> dict[str, Any]:
    """The slowest call of each engine, and how many times slower than ours each engine is."""
    ours = medians["compiled rules"]
    slowest_us = max(ours.values())
    return {
        "n_rules": len(OURS.strip().splitlines()),
        "median_cpu_us": medians,
        "slowest_us": slowest_us,
        "bar_us": BAR_US,
        "meets_bar": slowest_us <= BAR_US,
        "ratio": {
            engine: round(statistics.median(calls[call] / ours[call] for call in CALLS), 1)
            for engine, calls in medians.items()
        },
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    result = report(measure(arguments.rounds))
    if arguments.json:
        print(json.dumps(result, indent=2))
    else:
        for engine, calls in result["median_cpu_us"].items():
            slowest = max(calls.values())
            print(f"{engine:<30}{slowest:>9.2f} us   {result['ratio'][engine]:>7.1f}x")
        print(f"{result['n_rules']} rules, slowest of {len(CALLS)} calls, median processor time")
    return 1 if arguments.check and not result["meets_bar"] else 0


if __name__ == "__main__":
    sys.exit(main())
